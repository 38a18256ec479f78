#include "tests/sim/edge/upload_plan.h"

#include <algorithm>
#include <cctype>

#include "common/http/http_writer.h"
#include "common/request/not_found.h"
#include "common/request/skip.h"

namespace daphnis::sim {
namespace {

void flip_a_bit(Chance& chance, std::string& text, size_t begin) {
  if (begin >= text.size()) return;
  const size_t at = begin + chance.below(text.size() - begin);
  text[at] = static_cast<char>(text[at] ^ (1 << chance.below(8)));
}

/// An id in one of the spellings of deployed nodes: dashed or not, upper or lower case.
std::string spelled(Chance& chance, const Uuid& id) {
  std::string text = text_of(id);
  if (chance.one_in(4)) std::erase(text, '-');
  if (chance.one_in(4)) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  }
  return text;
}

http::HeadWriter begin_head(Chance& chance, const l2::Order& order) {
  const std::string path = "/data/" + order.request.root.text();
  const std::string id = spelled(chance, order.request_id);
  const std::string target = chance.one_in(3) ? path + "/" + id : path + "?requestId=" + id;
  auto head = http::HeadWriter::request(chance.one_in(3) ? "PUT" : "POST", target);
  head.add("Host", "l1.example");
  return head;
}

/// The body in chunks of random sizes; the last chunk is added where `is_ended`.
std::string chunked(Chance& chance, std::string_view body, bool is_ended) {
  std::string out;
  while (!body.empty()) {
    const size_t size =
        std::min<size_t>(body.size(), chance.between(1, chance.one_in(4) ? 64 : 40'000));
    out.append(as_text(http::ChunkHead(size).bytes()));
    out.append(body.substr(0, size)).append(http::kChunkEnd);
    body.remove_prefix(size);
  }
  if (is_ended) out.append(http::kLastChunk);
  return out;
}

UploadPlan not_found(Chance& chance, const l2::Order& order, l2::Generation generation,
                     NotFound what) {
  auto head = begin_head(chance, order);
  if (generation == l2::Generation::kV2) {
    head.add(kNotFoundHeader, text_of(what)).add("Content-Length", uint64_t{0});
    return {.bytes = head.finish(), .end = UploadPlan::End::kWhole};
  }
  // A deployed node has begun its POST when it finds that it lacks the root: it cuts the POST, or
  // ends an empty body.
  head.add("Transfer-Encoding", "chunked");
  if (chance.one_in(2)) {
    return {.bytes = head.finish() + std::string(http::kLastChunk), .end = UploadPlan::End::kWhole};
  }
  return {.bytes = head.finish(), .end = UploadPlan::End::kCut};
}

/// The blocks that a node leaves out, and what it says of them.
struct Skipping {
  Skip left_out;
  uint64_t said = 0;  ///< 0: it says nothing.
};

Skipping skipping(Chance& chance, const l2::Order& order, const Skill& skill, Mood mood) {
  if (skill.generation != l2::Generation::kV2 || !skill.skips) return {};
  Skipping skipping{.left_out = {order.skip, order.next}, .said = order.skip};
  if (mood == Mood::kCountsOtherwise) {
    skipping.said = skipping.left_out.blocks = order.skip + chance.between(1, 3);
    skipping.left_out.next.reset();
  }
  if (mood == Mood::kBeginsElsewhere && order.skip > 0) {
    skipping.left_out = {.blocks = chance.below(order.skip)};
  }
  return skipping;
}

}  // namespace

UploadPlan plan_acknowledgement(Scene& scene, const l2::Order& order) {
  auto head = begin_head(scene.chance, order);
  head.add(kCancelledHeader, "1").add("Content-Length", uint64_t{0});
  return {.bytes = head.finish(), .end = UploadPlan::End::kWhole};
}

UploadPlan plan_upload(Scene& scene, const l2::Order& order, const Skill& skill, Mood mood,
                       BlockStore& store) {
  Chance& chance = scene.chance;
  const l2::Generation generation = skill.generation;
  Skipping skips = skipping(chance, order, skill, mood);
  Produced made =
      produce(order.request, store, Producer::OnRefusal::kProves, std::move(skips.left_out));
  const bool has_nothing = !made.is_complete && !made.has_begun;
  const bool has_part = !made.is_complete && made.has_begun;
  if (has_part && generation == l2::Generation::kV2 && chance.one_in(2)) {
    return not_found(chance, order, generation, NotFound::kBlock);
  }
  if (has_nothing || mood == Mood::kNotFound || !order.is_understood) {
    NotFound what = has_nothing ? NotFound::kRoot : NotFound::kUnspecified;
    if (skips.said > 0) what = NotFound::kBlock;
    if (chance.one_in(4)) what = NotFound::kBlock;
    return not_found(chance, order, generation, what);
  }
  l2::Order answered = order;
  if (mood == Mood::kWrongId) answered.request_id[chance.below(16)] ^= 1;
  if (mood == Mood::kLies) flip_a_bit(chance, made.bytes, 0);
  if (mood == Mood::kSaysMore) made.bytes.append(chance.between(1, 3000), 'x');
  if (mood == Mood::kEndsEarly) made.bytes.resize(chance.below(made.bytes.size()));

  auto head = begin_head(chance, answered);
  UploadPlan plan;
  plan.skips = skips.said > 0 && mood == Mood::kHonest;
  if (skips.said > 0) head.add(kSkipHeader, skips.said);
  const bool expects = chance.one_in(5);
  if (expects) head.add("Expect", "100-continue");
  if (made.is_complete && chance.one_in(3)) {
    head.add("Content-Length", uint64_t{made.bytes.size()});
    plan.bytes = head.finish() + made.bytes;
  } else {
    head.add("Transfer-Encoding", "chunked");
    plan.bytes = head.finish() + chunked(chance, made.bytes, made.is_complete);
  }
  if (!made.is_complete) plan.end = UploadPlan::End::kCut;
  if (mood == Mood::kGarbles) flip_a_bit(chance, plan.bytes, 0);
  if (mood == Mood::kStalls || mood == Mood::kCuts) {
    plan.bytes.resize(chance.below(plan.bytes.size()));
    plan.end = mood == Mood::kStalls ? UploadPlan::End::kStall : UploadPlan::End::kCut;
  }
  return plan;
}

}  // namespace daphnis::sim
