#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/ipld/car.h"

namespace daphnis::test {

/// The events of a reader for a stream, in a form that can be compared.
struct CarTranscript {
  struct Section {
    Cid cid;
    std::vector<uint8_t> body;
    bool is_whole = false;
    bool operator==(const Section&) const = default;
  };
  bool has_header = false;
  std::vector<Cid> roots = {};
  std::vector<Section> sections = {};
  std::string failure = {};  ///< "malformed: …", or "truncated" where the stream may not end.

  bool operator==(const CarTranscript&) const = default;
};

/// Offers `part` until it is used up; false once the reader has failed.
inline bool offer(CarReader& reader, Bytes part, CarTranscript& transcript) {
  for (;;) {
    const CarReader::Step step = reader.step(part);
    REQUIRE(step.consumed <= part.size());
    REQUIRE(step.body.size() <= step.consumed);
    if (!step.body.empty()) {
      REQUIRE(step.body.data() == part.data() + step.consumed - step.body.size());
    }
    part = part.subspan(step.consumed);
    switch (step.event) {
      case CarReader::Event::kNeedMore:
        REQUIRE(part.empty());
        return true;
      case CarReader::Event::kHeader:
        REQUIRE_FALSE(transcript.has_header);
        transcript.has_header = true;
        transcript.roots = reader.roots();
        break;
      case CarReader::Event::kSection:
        transcript.sections.push_back({reader.cid(), {}, false});
        break;
      case CarReader::Event::kBody: {
        REQUIRE_FALSE(step.body.empty());
        auto& body = transcript.sections.back().body;
        body.insert(body.end(), step.body.begin(), step.body.end());
        break;
      }
      case CarReader::Event::kSectionEnd:
        REQUIRE(transcript.sections.back().body.size() == reader.body_size());
        transcript.sections.back().is_whole = true;
        break;
      case CarReader::Event::kFailed:
        transcript.failure =
            std::string(name(reader.failure().code)).append(": ").append(reader.failure().what);
        REQUIRE(reader.step(part).event == CarReader::Event::kFailed);
        REQUIRE_FALSE(reader.may_end_here());
        return false;
    }
  }
}

/// Reads a stream that comes in the given parts, and then its end.
inline CarTranscript read_car(const std::vector<Bytes>& parts) {
  CarReader reader(CarReader::Roots::kKept);
  CarTranscript transcript;
  for (const Bytes part : parts) {
    if (!offer(reader, part, transcript)) return transcript;
  }
  if (!reader.may_end_here()) transcript.failure = "truncated";
  return transcript;
}

}  // namespace daphnis::test
