// Ingest compared with raw gRPC over the same transport. A client sends the same bytes in the same
// messages to calipers-server and to servers that do less with them.

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/bench/requests.h"
#include "tests/bench/rows.h"

namespace calipers::bench {
namespace {

// Tensors of one size over one stream.
Row Tensors(const Programs& programs, bool pinned, int rounds, std::size_t tensor_bytes,
            std::size_t piece_bytes) {
  ServerPair servers(programs, pinned);
  // So many tensors that a round takes a good part of a second.
  const std::size_t count =
      std::max<std::size_t>(1, (std::size_t{512} << 20) / std::max(tensor_bytes, piece_bytes));
  const int pieces = static_cast<int>((tensor_bytes + piece_bytes - 1) / piece_bytes);
  const double gigabytes = static_cast<double>(count * tensor_bytes) / 1e9;
  std::vector<double> calipers;
  std::vector<double> discard;
  std::vector<double> load;
  std::vector<grpc::ByteBuffer> messages = TensorMessages(tensor_bytes, piece_bytes, count);
  for (int round = 0; round < rounds; ++round) {
    servers.Fresh();
    calipers.push_back(gigabytes / servers.calipers().Stream(kObserve, messages, pieces));
    discard.push_back(gigabytes / servers.raw().Stream("/raw/Discard", messages, pieces));
    load.push_back(gigabytes / servers.raw().Stream("/raw/Load", messages, pieces));
  }
  return {.unit = "GB/s",
          .calipers = Median(calipers),
          .limit = Median(discard),
          .peers = {{"raw gRPC, bytes loaded", Median(load)}}};
}

// Reduced records of one float pair, `records_a_message` in each message.
Row Records(const Programs& programs, bool pinned, int rounds, int records_a_message) {
  ServerPair servers(programs, pinned);
  const int messages_a_round = std::min(20'000, 300'000 / records_a_message);
  const double records = static_cast<double>(messages_a_round) * records_a_message;
  std::vector<double> calipers;
  std::vector<double> discard;
  std::vector<double> parsed;
  std::vector<grpc::ByteBuffer> messages = RecordMessages(messages_a_round, records_a_message);
  for (int round = 0; round < rounds; ++round) {
    servers.Fresh();
    calipers.push_back(records / servers.calipers().Stream(kObserve, messages, 1));
    discard.push_back(records / servers.raw().Stream("/raw/Discard", messages, 1));
    parsed.push_back(records / servers.raw().Stream("/raw/Parse", messages, 1));
  }
  return {.unit = "records/s",
          .calipers = Median(calipers),
          .limit = Median(discard),
          .peers = {{"raw gRPC, parsed and acknowledged", Median(parsed)}}};
}

void Add(std::vector<RowMaker>& rows, const Programs& programs, int rounds, bool pinned) {
  const std::string prefix = pinned ? "ingest-pinned" : "ingest";
  const auto tensors = [&](std::size_t tensor, std::size_t piece) {
    rows.push_back({absl::StrCat(prefix, "/BF16/", tensor / kKiB, "KiB/piece", piece / kKiB, "KiB"),
                    [=] { return Tensors(programs, pinned, rounds, tensor, piece); }});
  };
  for (const std::size_t size : {64, 256, 1024, 4096}) tensors(size * kKiB, size * kKiB);
  for (const std::size_t piece : {64, 256, 1024, 4096, 15360}) {
    tensors(65536 * kKiB, piece * kKiB);
  }
  for (const int records : {1, 10, 100, 1000}) {
    rows.push_back({absl::StrCat(pinned ? "records-pinned" : "records", "/batch", records),
                    [=] { return Records(programs, pinned, rounds, records); }});
  }
}

}  // namespace

std::vector<RowMaker> IngestRows(const Programs& programs, Rounds rounds) {
  std::vector<RowMaker> rows;
  Add(rows, programs, rounds, /*pinned=*/false);
  Add(rows, programs, rounds, /*pinned=*/true);
  return rows;
}

}  // namespace calipers::bench
