#include "client/formats/safetensors_writer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/formats/safetensors_format.h"
#include "core/reduce/geometry.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

using nlohmann::json;

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;

absl::Status Failed(absl::string_view doing, const std::string& path) {
  const int error = errno;
  if (error == ENOSPC) {
    return absl::ResourceExhaustedError(
        absl::StrCat(doing, " ", path,
                     ": the disk is full (free some space, or name a file on "
                     "another disk)"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat(doing, " ", path));
}

absl::Status Write(std::FILE* file, const void* bytes, std::size_t size, const std::string& path) {
  if (std::fwrite(bytes, 1, size, file) == size) return absl::OkStatus();
  return Failed("writing", path);
}

// Opens a file beside `path` for writing and reading, and removes its name at once.
absl::StatusOr<std::FILE*> OpenNameless(const std::string& path) {
  std::string name = path + ".spool-XXXXXX";
  const int descriptor = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0) return Failed("writing beside", path);
  unlink(name.c_str());
  std::FILE* const file = fdopen(descriptor, "w+b");
  if (file == nullptr) {
    close(descriptor);
    return Failed("writing beside", path);
  }
  return file;
}

}  // namespace

struct SafetensorsWriter::Spool {
  std::size_t element_bytes = 0;
  std::FILE* file = nullptr;
  std::int64_t size = 0;
  bool in_use = false;

  ~Spool() {
    if (file != nullptr) std::fclose(file);
  }
};

class SafetensorsWriter::Tensor {
 public:
  Tensor(Dtype of, Spool* in) : dtype(of), spool(in), begin(in->size) {}

  const Dtype dtype;
  Spool* const spool;
  const std::int64_t begin;
  RunningChecksum checksum;
};

absl::StatusOr<std::unique_ptr<SafetensorsWriter>> SafetensorsWriter::Create(std::string path) {
  // An error is reported now instead of after an hour of reading.
  ASSIGN_OR_RETURN(std::FILE* const probe, OpenNameless(path));
  std::fclose(probe);
  return std::unique_ptr<SafetensorsWriter>(new SafetensorsWriter(std::move(path)));
}

SafetensorsWriter::SafetensorsWriter(std::string path) : path_(std::move(path)) {}
SafetensorsWriter::~SafetensorsWriter() = default;

absl::StatusOr<SafetensorsWriter::Spool*> SafetensorsWriter::FreeSpool(std::size_t element_bytes) {
  for (const auto& spool : spools_) {
    if (!spool->in_use && spool->element_bytes == element_bytes) return spool.get();
  }
  auto spool = std::make_unique<Spool>();
  spool->element_bytes = element_bytes;
  ASSIGN_OR_RETURN(spool->file, OpenNameless(path_));
  const auto at = std::find_if(spools_.begin(), spools_.end(), [&](const auto& other) {
    return other->element_bytes < element_bytes;
  });
  return spools_.insert(at, std::move(spool))->get();
}

absl::StatusOr<SafetensorsWriter::Tensor*> SafetensorsWriter::Begin(Dtype dtype) {
  ASSIGN_OR_RETURN(Spool* const spool, FreeSpool(ByteSize(dtype)));
  spool->in_use = true;
  return tensors_.emplace_back(std::make_unique<Tensor>(dtype, spool)).get();
}

absl::Status SafetensorsWriter::Append(Tensor* tensor, absl::Span<const std::byte> elements) {
  RETURN_IF_ERROR(Write(tensor->spool->file, elements.data(), elements.size(), path_));
  tensor->spool->size += static_cast<std::int64_t>(elements.size());
  tensor->checksum.Append(elements);
  return absl::OkStatus();
}

absl::Status SafetensorsWriter::End(Tensor* tensor, const std::string& name,
                                    const std::vector<std::int64_t>& shape) {
  const std::int64_t bytes = tensor->spool->size - tensor->begin;
  ASSIGN_OR_RETURN(const std::int64_t elements, NumElements(shape));
  if (bytes != elements * static_cast<std::int64_t>(ByteSize(tensor->dtype))) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " of shape ", ShapeText(shape),
                                                   " and ", DtypeName(tensor->dtype), " has ",
                                                   bytes, " bytes"));
  }
  entries_.push_back({name, tensor->dtype, shape, tensor->spool, tensor->begin, tensor->spool->size,
                      tensor->checksum.Get()});
  tensor->spool->in_use = false;
  std::erase_if(tensors_, [tensor](const auto& open) { return open.get() == tensor; });
  return absl::OkStatus();
}

std::map<std::string, Checksum> SafetensorsWriter::LastChecksums(absl::string_view prefix) const {
  std::map<std::string, Checksum> checksums;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (!absl::StartsWith(entry->name, prefix)) break;
    checksums.emplace(entry->name.substr(prefix.size()), entry->checksum);
  }
  return checksums;
}

std::string SafetensorsWriter::Header(const std::map<std::string, std::string>& metadata) const {
  std::map<const Spool*, std::int64_t> begins;
  std::int64_t end = 0;
  for (const auto& spool : spools_) {
    begins[spool.get()] = end;
    end += spool->size;
  }
  json header = {{"__metadata__", metadata}};
  for (const Entry& entry : entries_) {
    const std::int64_t begin = begins[entry.spool];
    header[entry.name] = {{"dtype", DtypeName(entry.dtype)},
                          {"shape", entry.shape},
                          {"data_offsets", {begin + entry.begin, begin + entry.end}}};
  }
  // Bytes that are not UTF-8 are replaced. The texts here are always UTF-8.
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.append((safetensors::kLengthBytes - text.size() % safetensors::kLengthBytes) %
                  safetensors::kLengthBytes,
              ' ');
  return text;
}

absl::Status SafetensorsWriter::WriteTo(std::FILE* file, absl::string_view header) const {
  const std::uint64_t length = header.size();
  RETURN_IF_ERROR(Write(file, &length, sizeof(length), path_));
  RETURN_IF_ERROR(Write(file, header.data(), header.size(), path_));
  std::vector<std::byte> buffer(kCopyBytes);
  for (const auto& spool : spools_) {
    if (std::fflush(spool->file) != 0) return Failed("writing", path_);
    std::rewind(spool->file);
    while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), spool->file)) {
      RETURN_IF_ERROR(Write(file, buffer.data(), size, path_));
    }
    if (std::ferror(spool->file) != 0) return Failed("reading what goes into", path_);
  }
  if (std::fflush(file) != 0 || fsync(fileno(file)) != 0) return Failed("writing", path_);
  return absl::OkStatus();
}

absl::Status SafetensorsWriter::Finish(const std::map<std::string, std::string>& metadata) {
  const std::string header = Header(metadata);
  if (header.size() > safetensors::kMaxHeader) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the header of ", path_, " would have ", header.size(), " bytes; safetensors allows ",
        safetensors::kMaxHeader, ": write fewer sessions a file"));
  }
  const std::string unfinished = path_ + ".part";
  std::FILE* const file = std::fopen(unfinished.c_str(), "wbe");
  if (file == nullptr) return Failed("writing", unfinished);
  absl::Status status = WriteTo(file, header);
  if (std::fclose(file) != 0) status.Update(Failed("writing", unfinished));
  if (status.ok() && std::rename(unfinished.c_str(), path_.c_str()) != 0) {
    status = Failed("writing", path_);
  }
  if (!status.ok()) unlink(unfinished.c_str());
  return status;
}

}  // namespace calipers::client
