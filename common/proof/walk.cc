#include "common/proof/walk.h"

#include <cstring>

#include "common/base/check.h"
#include "common/ipld/dag_cbor.h"
#include "common/ipld/dag_json.h"
#include "common/ipld/hamt.h"
#include "common/ipld/hashes.h"

namespace daphnis {
namespace {

constexpr size_t kScratchBytesKept = 256 * limits::kKiB;

// Plain CBOR and JSON have no links.
constexpr uint64_t kCodecCbor = 0x51;
constexpr uint64_t kCodecJson = 0x0200;

bool has_no_links(uint64_t codec) {
  return codec == codec::kRaw || codec == kCodecCbor || codec == kCodecJson;
}

/// True for version 1, sha2-256 and a codec of one byte, as nearly every link has: its first bytes
/// show that it is valid and can be verified, without a full parse.
bool is_common_cid(Bytes bytes) {
  constexpr uint8_t kSha2_256Size = 32;
  return bytes.size() == 4 + kSha2_256Size && bytes[0] == 1 && bytes[1] < 0x80 &&
         bytes[2] == hash::kSha2_256 && bytes[3] == kSha2_256Size;
}

bool is_readable(uint64_t codec) {
  return has_no_links(codec) || codec == codec::kDagPb || codec == codec::kDagCbor ||
         codec == codec::kDagJson;
}

}  // namespace

Bytes Walk::Block::bytes() {
  if (slices_.empty()) return {};
  if (slices_.size() == 1) return slices_[0].bytes();
  if (scratch_.empty()) {
    for (const Slice& slice : slices_) {
      scratch_.insert(scratch_.end(), slice.data, slice.data + slice.size);
    }
  }
  return scratch_;
}

Walk::Walk(const CarRequest& request, const WalkBudget& budget, Unreadable unreadable)
    : budget_(budget),
      path_(request.path),
      range_(request.bytes),
      scope_(request.format == AnswerFormat::kRaw ? DagScope::kBlock : request.scope),
      dups_(request.dups),
      unreadable_(unreadable),
      covered_(budget.seen_bytes_max) {
  visit_.cid = request.root;
  if (budget.denylist) {
    is_root_excepted_ = budget.denylist->judge(request.root, request.path).is_excepted;
  }
  const Mode mode = path_.empty() ? Mode::kTerminal : Mode::kPath;
  if (admit(visit_.cid, mode)) {
    single_ = Visit{request.root, mode};
    advance();
  } else if (pass_over()) {
    state_ = State::kDone;
  }
}

Walk::State Walk::on_block(std::span<const Slice> blocks) {
  check(state_ == State::kWantsBlock, "a block was given to a walk that wants none");
  ++visits_;
  scratch_.clear();
  Block block(blocks, scratch_);
  expand(block);
  advance();
  // Assigning {} would keep the capacity.
  if (scratch_.capacity() > kScratchBytesKept) decltype(scratch_)().swap(scratch_);
  return state_;
}

Walk::State Walk::pass_over_block() {
  check(state_ == State::kWantsBlock && unreadable_ == Unreadable::kPassedOver,
        "a block is passed over that the output needs");
  has_passed_over_ = true;
  cover();
  advance();
  return state_;
}

void Walk::advance() {
  while (state_ == State::kWantsBlock) {
    if (!take_next()) {
      state_ = State::kDone;
      return;
    }
    if (visit_.depth > budget_.depth_max) {
      fail_with(Errc::kTooLarge, "depth");
      if (!pass_over()) return;
      continue;
    }
    if (visit_.cid.is_identity()) {
      ++identity_visits_;
      const Cid cid = visit_.cid;
      const Slice inside{{}, cid.digest().data(), cid.digest().size()};
      scratch_.clear();
      Block block({&inside, 1}, scratch_);
      expand(block);
      continue;
    }
    if (dups_ || visit_.mode == Mode::kPath || visit_.mode == Mode::kTerminal) return want();
    const CidKey key(visit_.cid);
    if (covered_.contains(key)) continue;
    const auto met = retained_.find(key);
    if (met == retained_.end()) return want();
    // The node's block is out already; only blocks below it may still be wanted.
    const std::vector<uint8_t> bytes = met->second;
    const Slice inside{{}, bytes.data(), bytes.size()};
    scratch_.clear();
    Block block({&inside, 1}, scratch_);
    expand(block);
  }
}

/// Wants the visit's block, unless that may not be served. A walk that only follows a stream does
/// not ask: nothing of that goes out.
void Walk::want() {
  if (!budget_.denylist || unreadable_ == Unreadable::kPassedOver) return;
  if (is_root_excepted_ && visit_.depth == 1) return;
  denial_ = budget_.denylist->judge_block(visit_.cid);
  if (denial_) fail_with(Errc::kDenied, "block " + visit_.cid.text() + " may not be served");
}

bool Walk::take_next() {
  if (single_) {
    visit_ = *single_;
    single_.reset();
    return true;
  }
  if (frames_.empty()) return false;
  Frame& frame = frames_.back();
  visit_.mode = static_cast<Mode>(links_[frame.at]);
  const size_t size = links_[frame.at + 1];
  visit_.depth = frame.depth;
  const auto link = Cid::prefix_of(Bytes(links_).subspan(frame.at + 2, size));
  check(link.has_value(), "a pending link is not a CID");
  visit_.cid = link->cid;
  frame.at += 2 + size;
  if (visit_.mode == Mode::kRange) {
    std::memcpy(&visit_.from, links_.data() + frame.at, sizeof visit_.from);
    std::memcpy(&visit_.to, links_.data() + frame.at + sizeof visit_.from, sizeof visit_.to);
    frame.at += sizeof visit_.from + sizeof visit_.to;
  }
  if (frame.at == links_.size()) {  // The last link: dropped now, so that a chain stays shallow.
    links_.resize(frame.begin);
    frames_.pop_back();
  }
  return true;
}

void Walk::expand(Block& block) {
  switch (visit_.mode) {
    case Mode::kPath:
      return expand_path(block);
    case Mode::kTerminal:
      return expand_terminal(block);
    case Mode::kRange:
      return expand_range(block);
    case Mode::kAll:
      cover();
      return push_all(block);
    case Mode::kShards:
      cover();
      return push_shards(block);
  }
}

void Walk::expand_terminal(Block& block) {
  switch (scope_) {
    case DagScope::kBlock:
      return;
    case DagScope::kEntity:
      return expand_entity(block);
    case DagScope::kAll:
      visit_.mode = Mode::kAll;
      return expand(block);
  }
}

void Walk::expand_entity(Block& block) {
  if (visit_.cid.codec() != codec::kDagPb || block.is_plain_dag_pb_leaf()) return;
  const std::optional<DagPbNode> node = read_dag_pb(block.bytes());
  if (!node) return fail_malformed("does not decode as dag-pb");
  const std::optional<UnixFs> unixfs = node->data ? read_unixfs(*node->data) : std::nullopt;
  if (!unixfs) return;  // Without UnixFS the entity is the block alone.
  if (unixfs->type == UnixFs::Type::kHamtShard) {
    visit_.mode = Mode::kShards;
    return expand(block);
  }
  if (!unixfs->is_file()) return;
  visit_.mode = Mode::kAll;
  if (range_) {
    const std::optional<uint64_t> size = file_size(*unixfs, node->links);
    if (!size) return;
    const std::optional<Window> window = window_of(*range_, *size);
    if (!window) return;
    if (window->from > 0 || window->to < *size) {
      visit_.mode = Mode::kRange;
      visit_.from = window->from;
      visit_.to = window->to;
    }
  }
  expand(block);
}

void Walk::push_all(Block& block) {
  if (state_ == State::kFailed || has_no_links(visit_.cid.codec())) return;
  const size_t links = links_.size();
  const size_t frames = frames_.size();
  push_links(block);
  if (!pass_over()) return;
  links_.resize(links);  // The node counts as one without links.
  frames_.resize(frames);
}

/// Undoes a failure where the walk passes over what it cannot read. False: there is no failure, or
/// it stands.
bool Walk::pass_over() {
  if (state_ != State::kFailed || unreadable_ == Unreadable::kFails) return false;
  state_ = State::kWantsBlock;
  failure_ = {};
  has_passed_over_ = true;
  return true;
}

void Walk::push_links(Block& block) {
  begin_frame();
  if (visit_.cid.codec() == codec::kDagPb) {
    if (block.is_plain_dag_pb_leaf()) return end_frame();
    DagPbReader reader(block.bytes());
    while (true) {
      const DagPbReader::Item item = reader.next();
      if (item == DagPbReader::Item::kEnd) return end_frame();
      if (item == DagPbReader::Item::kMalformed) return fail_malformed("does not decode as dag-pb");
      if (item == DagPbReader::Item::kLink && !push_link(reader.link().cid, Mode::kAll)) return;
    }
  }
  if (visit_.cid.codec() == codec::kDagCbor) {
    DagCborReader reader(block.bytes());
    DagCborReader::Item item = reader.next();
    for (; item == DagCborReader::Item::kLink; item = reader.next()) {
      if (!push_link(reader.cid(), Mode::kAll)) return;
    }
    if (item == DagCborReader::Item::kTooDeep) return fail_malformed("nests too deep");
    if (item != DagCborReader::Item::kEnd) return fail_malformed("does not decode as dag-cbor");
    return end_frame();
  }
  check(visit_.cid.codec() == codec::kDagJson, "a codec was admitted that cannot be read");
  DagJsonReader reader(block.bytes());
  DagJsonReader::Item item = reader.next();
  for (; item == DagJsonReader::Item::kLink; item = reader.next()) {
    if (!push_link(reader.cid().bytes(), Mode::kAll)) return;
  }
  if (item == DagJsonReader::Item::kTooDeep) return fail_malformed("nests too deep");
  if (item != DagJsonReader::Item::kEnd) return fail_malformed("does not decode as dag-json");
  end_frame();
}

void Walk::push_shards(Block& block) {
  if (state_ == State::kFailed) return;
  const Bytes bytes = block.bytes();
  const std::optional<DagPbNode> node = read_dag_pb(bytes);
  const std::optional<UnixFs> unixfs = node && node->data ? read_unixfs(*node->data) : std::nullopt;
  const std::optional<HamtShard> shard =
      unixfs ? read_hamt_shard(*unixfs, node->links) : std::nullopt;
  if (!shard) return fail_malformed("is not a HAMT shard");
  begin_frame();
  HamtReader reader(*shard, bytes);
  HamtReader::Item item = reader.next();
  for (; item == HamtReader::Item::kChild; item = reader.next()) {
    if (reader.is_shard() && !push_link(reader.cid(), Mode::kShards)) return;
  }
  if (item != HamtReader::Item::kEnd) return fail_malformed("has links that its bitmap denies");
  end_frame();
}

void Walk::begin_frame() {
  frames_.push_back({links_.size(), links_.size(), visit_.depth + 1});
}

void Walk::end_frame() {
  if (frames_.back().begin == links_.size()) frames_.pop_back();
}

bool Walk::push_link(Bytes bytes, Mode mode, uint64_t from, uint64_t to) {
  if (!is_common_cid(bytes) || !fits(bytes[1], mode)) {
    const auto link = Cid::prefix_of(bytes);
    if (!link || link->size != bytes.size()) {
      fail_malformed("has a link that is not a CID");
      return pass_over();
    }
    if (!admit(link->cid, mode)) return pass_over();
  }
  const size_t range_size = mode == Mode::kRange ? sizeof from + sizeof to : 0;
  const size_t at = links_.size();
  const size_t size = at + 2 + bytes.size() + range_size;
  if (size + retained_bytes_ > budget_.pending_bytes_max) {
    fail_with(Errc::kTooLarge, "pending links");
    return false;
  }
  links_.resize(size);
  links_[at] = static_cast<uint8_t>(mode);
  links_[at + 1] = static_cast<uint8_t>(bytes.size());
  std::memcpy(links_.data() + at + 2, bytes.data(), bytes.size());
  if (range_size > 0) {
    std::memcpy(links_.data() + at + 2 + bytes.size(), &from, sizeof from);
    std::memcpy(links_.data() + at + 2 + bytes.size() + sizeof from, &to, sizeof to);
  }
  return true;
}

bool Walk::admit(const Cid& cid, Mode mode) {
  if (!Hasher::can_verify(cid, budget_.sha1)) {
    fail_with(Errc::kUnsupported, "a link's hash cannot be verified: " + cid.text());
    return false;
  }
  if (fits(cid.codec(), mode)) return true;
  fail_with(Errc::kUnsupported, "a link's codec cannot be walked: " + cid.text());
  return false;
}

bool Walk::fits(uint64_t codec, Mode mode) const {
  switch (mode) {
    case Mode::kRange:
      return codec == codec::kDagPb || codec == codec::kRaw;
    case Mode::kShards:
      return codec == codec::kDagPb;
    case Mode::kTerminal:
      return scope_ != DagScope::kAll || is_readable(codec);
    case Mode::kPath:
    case Mode::kAll:
      return is_readable(codec);
  }
  return false;
}

void Walk::cover() {
  if (dups_ || visit_.cid.is_identity()) return;
  const CidKey key(visit_.cid);
  if (!covered_.insert(key)) return fail_with(Errc::kTooLarge, "memory of visited links");
  if (retained_.empty()) return;
  if (const auto met = retained_.find(key); met != retained_.end()) {
    retained_bytes_ -= met->second.size() + sizeof key;
    retained_.erase(met);
  }
}

void Walk::fail_with(Errc code, std::string_view what) {
  state_ = State::kFailed;
  failure_ = Error{code, 0, std::string(what)};
  if (code == Errc::kTooLarge) failure_.detail += " beyond the budget of one request";
}

void Walk::fail_malformed(std::string_view what) {
  fail_with(Errc::kMalformed, "block " + visit_.cid.text() + " ");
  failure_.detail += what;
}

}  // namespace daphnis
