# Two stages: one builds, one holds the two programs and the libraries they load.
FROM docker.io/library/debian:trixie-slim AS build
COPY scripts/setup scripts/lib.sh /src/scripts/
RUN /src/scripts/setup && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt CMakePresets.json /src/
COPY proto /src/proto
COPY core /src/core
COPY server /src/server
COPY client /src/client
WORKDIR /src
RUN cmake --preset release -DCALIPERS_TESTS=OFF -DCALIPERS_BENCHMARKS=OFF \
    && cmake --build --preset release --target calipers-server calipers \
    && strip build/release/server/calipers-server build/release/client/calipers

FROM docker.io/library/debian:trixie-slim
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends \
        libabsl20240722 libfmt10 libgrpc++1.51t64 libhwy1t64 libopenblas0-pthread \
        libprotobuf32t64 libre2-11 librocksdb9.10 libspdlog1.15 libxxhash0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/release/server/calipers-server /src/build/release/client/calipers \
    /usr/local/bin/
LABEL org.opencontainers.image.title="Calipers" \
      org.opencontainers.image.description="Calibration service for quantization, over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0"
# A new volume takes this directory's owner. Platforms that choose the user, such as OpenShift, run
# it in group 0.
RUN install -d -o 65532 -g 0 -m 0770 /var/lib/calipers
VOLUME /var/lib/calipers
USER 65532:65532
EXPOSE 50051
# The command looks for a server here; so does the health check. OpenBLAS starts a thread a
# processor when it is loaded, unless it is told not to; one is used.
ENV CALIPERS_SERVER=127.0.0.1:50051 \
    OPENBLAS_NUM_THREADS=1
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["calipers", "--timeout", "2", "ping"]
ENTRYPOINT ["calipers-server", "--listen", "0.0.0.0:50051", "--data-dir", "/var/lib/calipers", \
            "--log-format", "json"]
