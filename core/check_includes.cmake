# Fails, naming the file and the header, if a source of the core includes what lies beside or
# above it. Debian keeps the headers of gRPC and protobuf in /usr/include, where no
# target's include path can hide them. Run as
#   cmake -DDIR=core -P core/check_includes.cmake
file(GLOB_RECURSE sources ${DIR}/*.h ${DIR}/*.cc)
set(refused "^[ \t]*#[ \t]*include[ \t]*[<\"]((grpc|grpcpp|google/protobuf|calipers/v1|server|client)/[^>\"]*)")
foreach(source IN LISTS sources)
  file(STRINGS ${source} includes REGEX "${refused}")
  foreach(include IN LISTS includes)
    string(REGEX MATCH "${refused}" _ "${include}")
    message(SEND_ERROR "${source} includes ${CMAKE_MATCH_1}: the core uses no gRPC, no protobuf, no server and no client")
  endforeach()
endforeach()
