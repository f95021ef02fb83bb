#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "client/formats/record_from_proto.h"
#include "client/formats/run_file.h"
#include "client/formats/run_file_writer.h"
#include "core/digest/digest.h"

namespace {

using calipers::client::RunFile;
using calipers::client::RunFileCursor;
using calipers::client::RunFileSession;
using calipers::client::RunFileWriter;

void OrAbort(const absl::Status& status) {
  if (!status.ok()) std::abort();
}

calipers::v1::SeriesRecord MakeRecord(std::int64_t index) {
  calipers::v1::SeriesRecord record;
  calipers::v1::ReducedObservation& observation = *record.mutable_observation();
  observation.mutable_header()->set_index(index);
  observation.mutable_header()->set_dtype("BF16");
  observation.mutable_header()->add_shape(2);
  observation.mutable_header()->add_shape(index == 1 ? 0 : 8);
  record.set_worker(index == 2 ? "a" : "b");
  if (index != 1) {
    observation.set_min(std::string(4, '\0'));
    observation.set_max(std::string(4, '\0'));
    observation.set_global_min(std::string(2, '\0'));
    observation.set_global_max(std::string(2, '\0'));
  }
  const auto made = calipers::client::ToRecord(record);
  OrAbort(made.status());
  const calipers::Digest digest = calipers::DigestOf(*made);
  record.set_digest(digest.data(), digest.size());
  return record;
}

// A run file of one session with every kind of record.
std::string WholeFile() {
  const std::string path = "/tmp/run_file_fuzz." + std::to_string(getpid());
  const auto writer = RunFileWriter::Create(path, "r");
  OrAbort(writer.status());
  OrAbort((*writer)->BeginSession("m/q", {}));
  for (std::int64_t i = 0; i < 4; ++i) OrAbort((*writer)->Add(MakeRecord(i)));
  OrAbort((*writer)->EndSession({2}));
  OrAbort((*writer)->Finish());
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  unlink(path.c_str());
  return bytes;
}

// Reads the whole file.
void Walk(const std::string& file) {
  // A copy of exactly the file's size, so that AddressSanitizer detects reads beyond the end.
  const std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(file.data()),
                                     reinterpret_cast<const std::byte*>(file.data()) + file.size());
  const auto run = RunFile::Parse(bytes);
  if (!run.ok()) return;
  for (const RunFileSession& session : run->sessions()) {
    session.HasDropped();
    std::int64_t last = -1;
    for (RunFileCursor cursor(&session); !cursor.done();) {
      const std::int64_t index = cursor.Next().observation().header().index();
      if (index <= last) std::abort();
      last = index;
    }
  }
}

}  // namespace

// For any input, the reader reads only bytes of the file. If the first byte is even, the rest of
// the input is a file. Otherwise the rest is a list of changes to a complete file. A change has
// three bytes: two for the position and one for the value. Two bytes at the end, if any, are the
// new length.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string& whole = *new std::string(WholeFile());
  if (size == 0) return 0;
  std::string file = whole;
  if (data[0] % 2 == 0) {
    file.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  } else {
    std::size_t at = 1;
    for (; at + 3 <= size; at += 3) {
      file[(data[at] + std::size_t{256} * data[at + 1]) % whole.size()] =
          static_cast<char>(data[at + 2]);
    }
    if (at + 2 == size) file.resize((data[at] + std::size_t{256} * data[at + 1]) % whole.size());
  }
  Walk(file);
  return 0;
}
