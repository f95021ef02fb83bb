// Runs tests/fuzz/observe_request_fuzz.cc without libFuzzer: on random bytes, on messages, and on
// damaged messages. The fuzz target aborts if it finds a difference.

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include "calipers/v1/observation.pb.h"
#include "google/protobuf/stubs/logging.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace calipers::server {
namespace {

void Replay(const std::string& input) {
  const google::protobuf::LogSilencer silence;  // protobuf logs text that is not UTF-8
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

// A length-delimited field.
std::string Field(int number, const std::string& bytes) {
  std::string field(1, static_cast<char>(number << 3 | 2));
  for (std::size_t size = bytes.size(); true; size >>= 7) {
    if (size < 128) return field + static_cast<char>(size) + bytes;
    field += static_cast<char>(size % 128 + 128);
  }
}

char Byte(std::mt19937& random) { return static_cast<char>(random() & 0xff); }

std::string Bytes(std::mt19937& random, std::size_t most) {
  std::string bytes(random() % (most + 1), '\0');
  for (char& byte : bytes) byte = Byte(random);
  return bytes;
}

std::int64_t Number(std::mt19937& random) {
  const std::int64_t numbers[] = {0,
                                  1,
                                  -1,
                                  127,
                                  128,
                                  std::numeric_limits<std::int64_t>::max(),
                                  std::numeric_limits<std::int64_t>::min()};
  return numbers[random() % std::size(numbers)];
}

void Fill(std::mt19937& random, v1::ObservationHeader& header) {
  header.set_session(std::string(random() % 40, 's'));
  header.set_dtype("BF16");
  for (std::size_t i = random() % 4; i > 0; --i) header.add_shape(Number(random));
  if (random() % 2 == 0) header.set_index(Number(random));
  if (random() % 2 == 0) header.set_num_observations(Number(random));
}

std::string Message(std::mt19937& random) {
  std::string bytes;
  for (std::size_t parts = 1 + random() % 3; parts > 0; --parts) {
    v1::ObserveRequest message;
    if (random() % 3 == 0) message.set_worker(std::string(random() % 300, 'w'));
    switch (random() % 3) {
      case 0:
        Fill(random, *message.mutable_header());
        break;
      case 1:
        for (std::size_t i = random() % 4; i > 0; --i) {
          v1::ReducedObservation& reduced = *message.mutable_reduced()->add_observations();
          Fill(random, *reduced.mutable_header());
          reduced.set_min(Bytes(random, 16));
          reduced.set_global_max(Bytes(random, 4));
          if (random() % 2 == 0) reduced.add_statistics()->set_value(Bytes(random, 4));
        }
        break;
      default:
        break;
    }
    if (random() % 2 == 0) message.set_data(Bytes(random, 400));
    bytes += message.SerializeAsString();
  }
  return bytes;
}

TEST(ObserveRequestReplayTest, RandomBytes) {
  std::mt19937 random(1);
  Replay("");
  for (int i = 0; i < 50'000; ++i) Replay(Bytes(random, 24));
}

// Every field number and wire type, before every kind of remaining bytes.
TEST(ObserveRequestReplayTest, EveryShortTag) {
  const std::string rests[] = {"",
                               std::string(1, '\0'),
                               "\x01",
                               "\x02zz",
                               "\x7f",
                               "\x80\x01",
                               "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                               "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                               "\xff\xff\xff\xff\x07",
                               "\xff\xff\xff\xff\x0f",
                               "12345678"};
  for (int tag = 0; tag < 256; ++tag) {
    for (const std::string& rest : rests) {
      Replay(std::string("\x05") + static_cast<char>(tag) + rest);
      Replay(std::string("\x05\x0a\x01w") + static_cast<char>(tag) + "\x01" + rest);
    }
  }
}

TEST(ObserveRequestReplayTest, MessagesWholeAndDamaged) {
  std::mt19937 random(2);
  for (int i = 0; i < 20'000; ++i) {
    std::string input = Byte(random) + Message(random);
    Replay(input);
    switch (random() % 3) {
      case 0:
        input.resize(1 + random() % input.size());
        break;
      case 1:
        input[random() % input.size()] = Byte(random);
        break;
      default:
        input.insert(random() % input.size(), Bytes(random, 3));
    }
    Replay(input);
  }
}

TEST(ObserveRequestReplayTest, CutAtEveryByte) {
  std::mt19937 random(3);
  for (int i = 0; i < 50; ++i) {
    const std::string input = Byte(random) + Message(random);
    for (std::size_t size = 1; size <= input.size(); ++size) Replay(input.substr(0, size));
  }
}

// A tag may have at most five bytes, even if its value is small. Other varints may have more.
TEST(ObserveRequestReplayTest, OverlongVarints) {
  for (std::size_t size = 1; size < 12; ++size) {
    for (const char last : {'\0', '\x01', '\x0f', '\x10', '\x7f'}) {
      const std::string tail = std::string(size, '\x80') + last;
      Replay("\x01\x8a" + tail + "\x01w");                             // a tag
      Replay("\x01\x0b\x92" + tail + "\x01z\x0c");                     // a tag in a group
      Replay("\x01\x0b\x8c" + tail);                                   // the end of a group
      Replay("\x01\x12\x0b\x10" + tail + std::string(9, '\x01'));      // an index
      Replay("\x01\x12\x0c\x22\x0a" + tail + std::string(9, '\x01'));  // a shape
      Replay("\x01\x12\x0d\x8a" + tail + std::string(11, 'x'));        // a tag in a header
      Replay("\x01\x0a\x81" + tail + "w");                             // a size
      Replay("\x01\x98" + std::string("\x01\x81") + tail);             // a value
    }
  }
}

// Nested groups: both parsers stop at the same depth.
TEST(ObserveRequestReplayTest, DeepNesting) {
  for (std::size_t depth : {1, 50, 99, 100, 101, 150, 10'000}) {
    Replay("\x01" + std::string(depth, '\x1b') + std::string(depth, '\x1c'));
    Replay("\x01" + std::string(depth, '\x1b'));
  }
  // Inside of messages: a header, a batch, an observation, and the header and a statistic of one.
  for (std::size_t depth = 95; depth <= 101; ++depth) {
    std::string nested = std::string(depth, '\x5b') + std::string(depth, '\x5c');
    Replay("\x01" + Field(2, nested));
    Replay("\x01" + Field(3, nested));
    Replay("\x01" + Field(3, Field(1, nested)));
    Replay("\x01" + Field(3, Field(1, Field(1, nested))));
    Replay("\x01" + Field(3, Field(1, Field(6, nested))));
  }
}

}  // namespace
}  // namespace calipers::server
