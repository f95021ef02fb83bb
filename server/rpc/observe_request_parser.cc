#include "server/rpc/observe_request_parser.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "calipers/v1/observation.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/support/proto_buffer_reader.h"

namespace calipers::server {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::uint32_t LengthDelimitedTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

constexpr std::uint32_t VarintTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT);
}

constexpr std::uint32_t kWorkerTag = LengthDelimitedTag(v1::ObserveRequest::kWorkerFieldNumber);
constexpr std::uint32_t kHeaderTag = LengthDelimitedTag(v1::ObserveRequest::kHeaderFieldNumber);
constexpr std::uint32_t kReducedTag = LengthDelimitedTag(v1::ObserveRequest::kReducedFieldNumber);
constexpr std::uint32_t kObservationTag =
    LengthDelimitedTag(v1::ReducedBatch::kObservationsFieldNumber);
constexpr std::uint32_t kReducedHeaderTag =
    LengthDelimitedTag(v1::ReducedObservation::kHeaderFieldNumber);
constexpr std::uint32_t kMinTag = LengthDelimitedTag(v1::ReducedObservation::kMinFieldNumber);
constexpr std::uint32_t kMaxTag = LengthDelimitedTag(v1::ReducedObservation::kMaxFieldNumber);
constexpr std::uint32_t kGlobalMinTag =
    LengthDelimitedTag(v1::ReducedObservation::kGlobalMinFieldNumber);
constexpr std::uint32_t kGlobalMaxTag =
    LengthDelimitedTag(v1::ReducedObservation::kGlobalMaxFieldNumber);
constexpr std::uint32_t kStatisticTag =
    LengthDelimitedTag(v1::ReducedObservation::kStatisticsFieldNumber);
constexpr std::uint32_t kStatisticNameTag = LengthDelimitedTag(v1::Statistic::kNameFieldNumber);
constexpr std::uint32_t kStatisticValueTag = LengthDelimitedTag(v1::Statistic::kValueFieldNumber);
constexpr std::uint32_t kSessionTag =
    LengthDelimitedTag(v1::ObservationHeader::kSessionFieldNumber);
constexpr std::uint32_t kIndexTag = VarintTag(v1::ObservationHeader::kIndexFieldNumber);
constexpr std::uint32_t kDtypeTag = LengthDelimitedTag(v1::ObservationHeader::kDtypeFieldNumber);
constexpr std::uint32_t kPackedShapeTag =
    LengthDelimitedTag(v1::ObservationHeader::kShapeFieldNumber);
constexpr std::uint32_t kShapeTag = VarintTag(v1::ObservationHeader::kShapeFieldNumber);
constexpr std::uint32_t kNumObservationsTag =
    VarintTag(v1::ObservationHeader::kNumObservationsFieldNumber);
constexpr std::uint32_t kDataTag = LengthDelimitedTag(v1::ObserveRequest::kDataFieldNumber);

// Maximum number of bytes of a tag or size. Protobuf's parser refuses longer ones, even if the
// extra bytes are padding. CodedInputStream accepts them.
constexpr int kMaxVarint32Bytes = 5;

}  // namespace

// Reads the fields of one message one after another, from a buffer of known length.
class ObserveRequest::FieldReader {
 public:
  // The fields go into `request`.
  FieldReader(CodedInputStream& input, std::size_t length, ObserveRequest& request)
      : input_(input), length_(length), request_(request) {}

  // Reads a tag, 0 at the end; false if it is too long.
  bool ReadTag(std::uint32_t& tag) {
    const int start = input_.CurrentPosition();
    tag = input_.ReadTag();
    return input_.CurrentPosition() - start <= kMaxVarint32Bytes;
  }

  // INVALID_ARGUMENT if reading stopped because the message has more of something than allowed.
  const absl::Status& limits() const { return limits_; }

  // Reads the field of `tag`; false if it is malformed.
  bool Read(std::uint32_t tag) {
    switch (tag) {
      case kWorkerTag:
        return ReadText(request_.worker_, "calipers.v1.ObserveRequest.worker");
      case kHeaderTag:
        if (!CountMember()) return false;
        if (!request_.header_) {
          DropMember();
          request_.header_.emplace();
        }
        return ReadHeader(*request_.header_);
      case kReducedTag:
        if (!CountMember()) return false;
        if (request_.header_) DropMember();
        return ReadReduced();
      case kDataTag:
        return ReadData();
      default:
        return Skip(tag);
    }
  }

 private:
  bool Skip(std::uint32_t tag) {
    const int number = WireFormatLite::GetTagFieldNumber(tag);
    if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      std::uint32_t size = 0;
      return number != 0 && ReadSize(size) && input_.Skip(static_cast<int>(size));
    }
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_START_GROUP) {
      return WireFormatLite::SkipField(&input_, tag);
    }
    const std::uint32_t end = WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_END_GROUP);
    if (number == 0 || !input_.IncrementRecursionDepth()) return false;
    while (true) {
      std::uint32_t member = 0;
      if (!ReadTag(member)) return false;
      if (member == end) break;
      if (member == 0 || !Skip(member)) return false;
    }
    input_.DecrementRecursionDepth();
    return true;
  }

  // Reads a size, and checks that the buffer holds that many bytes. Protobuf's own readers accept a
  // message that claims to be longer than the buffer, and end it with the buffer.
  bool ReadSize(std::uint32_t& size) {
    const int start = input_.CurrentPosition();
    std::uint64_t wide = 0;
    if (!input_.ReadVarint64(&wide)) return false;
    if (input_.CurrentPosition() - start > kMaxVarint32Bytes) return false;
    if (wide > length_ - static_cast<std::size_t>(input_.CurrentPosition())) return false;
    const int left = input_.BytesUntilLimit();
    if (left >= 0 && wide > static_cast<std::uint64_t>(left)) return false;
    size = static_cast<std::uint32_t>(wide);
    return true;
  }

  // A view of the next bytes, or of a copy if they are spread over several slices.
  bool ReadBytes(absl::string_view& bytes) {
    std::uint32_t size = 0;
    if (!ReadSize(size)) return false;
    bytes = {};
    if (size == 0) return true;
    const void* slice = nullptr;
    int available = 0;
    if (input_.GetDirectBufferPointer(&slice, &available) &&
        size <= static_cast<std::uint32_t>(available)) {
      bytes = {static_cast<const char*>(slice), size};
      return input_.Skip(static_cast<int>(size));
    }
    std::string& copy = request_.copies_.emplace_front();
    if (!input_.ReadString(&copy, static_cast<int>(size))) return false;
    bytes = copy;
    return true;
  }

  bool ReadText(absl::string_view& text, const char* field) {
    return ReadBytes(text) &&
           WireFormatLite::VerifyUtf8String(text.data(), static_cast<int>(text.size()),
                                            WireFormatLite::PARSE, field);
  }

  // If a bytes field occurs more than once, the last one counts.
  bool ReadData() {
    std::uint32_t size = 0;
    if (!ReadSize(size)) return false;
    request_.data_offset_ = input_.CurrentPosition();
    request_.data_size_ = size;
    return input_.Skip(static_cast<int>(size));
  }

  template <typename SetNumber>
  bool ReadNumber(const SetNumber& set) {
    std::uint64_t number = 0;
    if (!input_.ReadVarint64(&number)) return false;
    set(static_cast<std::int64_t>(number));
    return true;
  }

  // Reads a message field by field. `read_field` takes the tag of each field.
  template <typename ReadField>
  bool ReadFields(const ReadField& read_field) {
    std::uint32_t size = 0;
    if (!ReadSize(size) || !input_.IncrementRecursionDepth()) return false;
    const CodedInputStream::Limit limit = input_.PushLimit(static_cast<int>(size));
    std::uint32_t tag = 0;
    bool readable = true;
    while (readable && (readable = ReadTag(tag)) && tag != 0) readable = read_field(tag);
    readable = readable && input_.ConsumedEntireMessage() && input_.BytesUntilLimit() == 0;
    input_.PopLimit(limit);
    input_.DecrementRecursionDepth();
    return readable;
  }

  bool ReadHeader(ObservationHeader& header) {
    return ReadFields([&](std::uint32_t tag) {
      switch (tag) {
        case kSessionTag:
          return ReadText(header.session, "calipers.v1.ObservationHeader.session");
        case kIndexTag:
          return ReadNumber([&](std::int64_t number) { header.index = number; });
        case kDtypeTag:
          return ReadText(header.dtype, "calipers.v1.ObservationHeader.dtype");
        case kPackedShapeTag:
          return ReadPackedShape();
        case kShapeTag:
          return ReadDimension();
        case kNumObservationsTag:
          return ReadNumber([&](std::int64_t number) { header.num_observations = number; });
        default:
          return Skip(tag);
      }
    });
  }

  bool ReadPackedShape() {
    std::uint32_t size = 0;
    if (!ReadSize(size)) return false;
    const CodedInputStream::Limit limit = input_.PushLimit(static_cast<int>(size));
    bool readable = true;
    while (readable && input_.BytesUntilLimit() > 0) readable = ReadDimension();
    input_.PopLimit(limit);
    return readable;
  }

  bool ReadDimension() {
    if (dimensions_ == kMaxDimensions) return TooMany("shape", kMaxDimensions);
    ++dimensions_;
    return ReadNumber([&](std::int64_t number) { request_.dimensions_.push_back(number); });
  }

  // Drops what was read of the oneof: its members `header` and `reduced` replace each other.
  void DropMember() {
    request_.header_.reset();
    request_.reduced_.clear();
    request_.ends_.clear();
    request_.dimensions_.clear();
    request_.statistics_.clear();
  }

  // Replacing is cheap on the wire, so what is replaced counts, too.
  bool CountMember() {
    if (members_ == kMaxReducedObservations) {
      return TooMany("the oneof observation", kMaxReducedObservations);
    }
    ++members_;
    return true;
  }

  // Checks the numbers of observations and of statistics before making each of them.
  bool ReadReduced() {
    return ReadFields([&](std::uint32_t tag) {
      if (tag != kObservationTag) return Skip(tag);
      if (observations_ == kMaxReducedObservations) {
        return TooMany("reduced.observations", kMaxReducedObservations);
      }
      ++observations_;
      if (!ReadObservation(request_.reduced_.emplace_back())) return false;
      request_.ends_.push_back({request_.dimensions_.size(), request_.statistics_.size()});
      return true;
    });
  }

  bool ReadObservation(ReducedObservation& observation) {
    return ReadFields([&](std::uint32_t tag) {
      switch (tag) {
        case kReducedHeaderTag:
          return ReadHeader(observation.header);
        case kMinTag:
          return ReadBytes(observation.min);
        case kMaxTag:
          return ReadBytes(observation.max);
        case kGlobalMinTag:
          return ReadBytes(observation.global_min);
        case kGlobalMaxTag:
          return ReadBytes(observation.global_max);
        case kStatisticTag:
          if (statistics_ == kMaxReducedStatistics) {
            return TooMany("reduced.observations.statistics", kMaxReducedStatistics);
          }
          ++statistics_;
          return ReadStatistic(request_.statistics_.emplace_back());
        default:
          return Skip(tag);
      }
    });
  }

  bool ReadStatistic(ReducedObservation::Statistic& statistic) {
    return ReadFields([&](std::uint32_t tag) {
      switch (tag) {
        case kStatisticNameTag:
          return ReadText(statistic.name, "calipers.v1.Statistic.name");
        case kStatisticValueTag:
          return ReadBytes(statistic.value);
        default:
          return Skip(tag);
      }
    });
  }

  bool TooMany(absl::string_view field, int most) {
    limits_ = absl::InvalidArgumentError(
        absl::StrCat(field, " has more than ", most, " entries: send them in several messages"));
    return false;
  }

  CodedInputStream& input_;
  const std::size_t length_;
  ObserveRequest& request_;
  // Numbers over the whole message, also of what a later field replaced.
  int members_ = 0;
  int observations_ = 0;
  int statistics_ = 0;
  int dimensions_ = 0;
  absl::Status limits_;
};

void ObserveRequest::SetSpans() {
  if (header_) header_->shape = dimensions_;
  Ends begin;
  for (std::size_t i = 0; i < reduced_.size(); ++i) {
    const Ends end = ends_[i];
    reduced_[i].header.shape = absl::MakeConstSpan(dimensions_)
                                   .subspan(begin.dimensions, end.dimensions - begin.dimensions);
    reduced_[i].statistics = absl::MakeConstSpan(statistics_)
                                 .subspan(begin.statistics, end.statistics - begin.statistics);
    begin = end;
  }
}

absl::StatusOr<ObserveRequest> ObserveRequest::Parse(grpc::ByteBuffer& buffer) {
  ObserveRequest request(buffer);
  grpc::ProtoBufferReader reader(&buffer);
  CodedInputStream input(&reader);
  FieldReader fields(input, buffer.Length(), request);
  bool readable = reader.status().ok();
  while (readable) {
    std::uint32_t tag = 0;
    readable = fields.ReadTag(tag);
    if (tag == 0) {
      readable = readable && input.ConsumedEntireMessage();
      break;
    }
    readable = readable && fields.Read(tag);
  }
  if (!fields.limits().ok()) return fields.limits();
  if (!readable) {
    return absl::InvalidArgumentError(
        "the message is not a calipers.v1.ObserveRequest: its protobuf encoding is malformed");
  }
  request.SetSpans();
  return request;
}

void ObserveRequest::ForEachDataSlice(
    absl::FunctionRef<void(absl::Span<const std::byte>)> visit) const {
  if (data_size_ == 0) return;
  grpc::ProtoBufferReader reader(buffer_);
  if (data_offset_ > 0) reader.Skip(data_offset_);
  std::size_t left = data_size_;
  const void* slice = nullptr;
  int size = 0;
  while (left > 0 && reader.Next(&slice, &size)) {
    const std::size_t used = std::min(left, static_cast<std::size_t>(size));
    visit({static_cast<const std::byte*>(slice), used});
    left -= used;
  }
}

}  // namespace calipers::server
