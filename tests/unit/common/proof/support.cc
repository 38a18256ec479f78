#include "tests/unit/common/proof/support.h"

#include <simdjson.h>

#include <array>
#include <catch2/catch.hpp>
#include <charconv>

#include "common/ipld/car.h"
#include "tests/fakes/fixtures.h"

namespace daphnis::test {
namespace {

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = static_cast<unsigned char>(text[i]);
    if (text[i] == '%') {
      std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      i += 2;
    }
    out.push_back(static_cast<char>(value));
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

int64_t number_from(std::string_view text) {
  int64_t value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  REQUIRE(error == std::errc{});
  REQUIRE(at == text.data() + text.size());
  return value;
}

void apply(CarRequest& request, std::string_view name, std::string_view value) {
  if (name == "format") {
    REQUIRE(value == "car");
  } else if (name == "dag-scope") {
    request.scope = value == "block"    ? DagScope::kBlock
                    : value == "entity" ? DagScope::kEntity
                                        : DagScope::kAll;
  } else if (name == "car-dups") {
    request.dups = value == "y";
  } else if (name == "entity-bytes") {
    const auto ends = split(value, ':');
    REQUIRE(ends.size() == 2);
    request.bytes = ByteRange{number_from(ends[0]), {}};
    if (ends[1] != "*") request.bytes->to = number_from(ends[1]);
  } else {
    FAIL("unknown parameter " << name);
  }
}

ByteVector name_of(const Cid& cid) {
  ByteVector name(cid.multihash().begin(), cid.multihash().end());
  for (int i = 0; i < 8; ++i) name.push_back(static_cast<uint8_t>(cid.codec() >> (8 * i)));
  return name;
}

}  // namespace

ByteVector to_vector(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

std::vector<Fixture> load_index() {
  const ByteVector bytes = read_fixture("INDEX.json");
  simdjson::dom::parser parser;
  simdjson::dom::array entries;
  REQUIRE(parser.parse(bytes.data(), bytes.size()).get(entries) == simdjson::SUCCESS);
  std::vector<Fixture> fixtures;
  for (const simdjson::dom::element entry : entries) {
    const auto text = [&entry](const char* key) {
      std::string_view value;
      return entry[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
    };
    const auto number = [&entry](const char* key) {
      uint64_t value = 0;
      return entry[key].get(value) == simdjson::SUCCESS ? std::optional(value) : std::nullopt;
    };
    Fixture fixture;
    fixture.is_expectation = text("kind") == "expect";
    fixture.file = text(fixture.is_expectation ? "of" : "file");
    fixture.request_text = text("request");
    fixture.verdict = text("verdict");
    fixture.blocks = number("blocks");
    fixture.ok_blocks = number("okBlocks");
    fixture.size = number("size").value_or(0);
    fixture.sha256 = text("sha256");
    simdjson::dom::array cids;
    if (entry["cids"].get(cids) == simdjson::SUCCESS) {
      for (const simdjson::dom::element cid : cids) {
        fixture.cids.emplace_back(std::string_view(cid));
      }
    }
    fixtures.push_back(std::move(fixture));
  }
  return fixtures;
}

ByteVector load_fixture(const std::string& file) {
  return read_fixture(file);
}

CarRequest request_from(std::string_view text) {
  const size_t question = text.find('?');
  const auto segments = split(text.substr(0, question), '/');
  REQUIRE(segments.size() >= 3);
  const Result<Cid> root = Cid::from_text(segments[2]);
  CAPTURE(text);
  REQUIRE(root.has_value());
  CarRequest request{*root};
  for (size_t i = 3; i < segments.size(); ++i) request.path.push_back(unescaped(segments[i]));
  if (question == std::string_view::npos) return request;
  for (const std::string_view field : split(text.substr(question + 1), '&')) {
    const auto parts = split(field, '=');
    REQUIRE(parts.size() == 2);
    apply(request, parts[0], parts[1]);
  }
  return request;
}

std::vector<Section> sections_of(Bytes car) {
  std::vector<Section> sections;
  CarReader reader;
  while (true) {
    const CarReader::Step step = reader.step(car);
    car = car.subspan(step.consumed);
    switch (step.event) {
      case CarReader::Event::kNeedMore:
        REQUIRE(reader.may_end_here());
        return sections;
      case CarReader::Event::kSection:
        sections.push_back({reader.cid(), {}});
        break;
      case CarReader::Event::kBody:
        sections.back().body.insert(sections.back().body.end(), step.body.begin(), step.body.end());
        break;
      case CarReader::Event::kFailed:
        FAIL(reader.failure().what);
        break;
      default:
        break;
    }
  }
}

std::vector<std::string> cids_of(Bytes car) {
  std::vector<std::string> cids;
  for (const Section& section : sections_of(car)) cids.push_back(section.cid.text());
  return cids;
}

ByteVector car_of(const Cid& root, const std::vector<Section>& sections) {
  std::array<uint8_t, kCarHeaderWrittenMax> header;
  ByteVector car(header.begin(),
                 header.begin() + static_cast<ptrdiff_t>(write_car_header(root, header)));
  for (const Section& section : sections) {
    std::array<uint8_t, kSectionHeadBytesMax> head;
    const size_t size = write_section_head(section.cid, section.body.size(), head);
    car.insert(car.end(), head.begin(), head.begin() + static_cast<ptrdiff_t>(size));
    car.insert(car.end(), section.body.begin(), section.body.end());
  }
  return car;
}

void MemorySource::add(const Cid& cid, ByteVector body) {
  blocks[name_of(cid)] = std::move(body);
}

void MemorySource::add_all(const std::vector<Section>& sections) {
  for (const Section& section : sections) add(section.cid, section.body);
}

BlockSource::Read MemorySource::read(const Cid& cid, Slices& into) {
  const auto at = blocks.find(name_of(cid));
  if (at == blocks.end()) return Read::kMissing;
  into.push_back(Slice::copy_of(at->second));
  return Read::kOk;
}

namespace {

void drain(Slices& out, ByteVector& into) {
  for (const Slice& slice : out) into.insert(into.end(), slice.data, slice.data + slice.size);
  out.clear();
}

}  // namespace

Answer verify(const CarRequest& request, StreamShape shape, Bytes stream,
              const std::vector<size_t>& cuts, const WalkBudget& budget) {
  Verifier verifier(request, shape, budget);
  return run(verifier, stream, cuts);
}

Answer run(Verifier& verifier, Bytes stream, const std::vector<size_t>& cuts) {
  const uint64_t before = verifier.output_bytes();
  Answer answer;
  Slices out;
  const auto take_output = [&] {
    drain(out, answer.bytes);
    while (verifier.has_more_output()) {
      (void)verifier.resume(out);
      drain(out, answer.bytes);
    }
  };
  size_t at = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : stream.size();
    (void)verifier.on_bytes(Slice::copy_of(stream.subspan(at, end - at)), out);
    take_output();
    at = end;
  }
  (void)verifier.on_end(out);
  take_output();
  CHECK(verifier.state() != Verifier::State::kMore);
  answer.complete = verifier.state() == Verifier::State::kComplete;
  answer.failure = verifier.failure();
  answer.content_fault = verifier.is_content_fault();
  answer.fault = fault_of(verifier);
  answer.proven = verifier.blocks_proven();
  answer.surplus = verifier.surplus_bytes();
  CHECK(verifier.output_bytes() == before + answer.bytes.size());
  return answer;
}

Answer verify_in_pieces(const CarRequest& request, StreamShape shape, Bytes stream, size_t piece) {
  std::vector<size_t> cuts;
  for (size_t at = piece; at < stream.size(); at += piece) cuts.push_back(at);
  return verify(request, shape, stream, cuts);
}

Answer produce(const CarRequest& request, BlockSource& source, size_t chunk,
               const WalkBudget& budget, Producer::OnRefusal on_refusal) {
  Producer producer(request, budget, on_refusal);
  return run(producer, source, chunk);
}

Answer run(Producer& producer, BlockSource& source, size_t chunk) {
  Answer answer;
  Slices out;
  while (producer.state() == Producer::State::kMore ||
         producer.state() == Producer::State::kWaiting) {
    (void)producer.produce(source, chunk, out);
    drain(out, answer.bytes);
  }
  answer.complete = producer.state() == Producer::State::kComplete;
  answer.failure = producer.failure();
  CHECK(producer.output_bytes() == answer.bytes.size());
  return answer;
}

}  // namespace daphnis::test
