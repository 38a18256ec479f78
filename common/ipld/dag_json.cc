#include "common/ipld/dag_json.h"

#include "common/base/limits.h"

namespace daphnis {
namespace {

bool means(std::string_view raw, std::string_view wanted) {
  if (raw.find('\\') == std::string_view::npos) return raw == wanted;
  return unescaped_json(raw) == wanted;
}

/// Takes the link that begins here, with its '{', and returns its text. nullopt: no link begins
/// here, and `cursor` stays.
std::optional<std::string_view> take_link(JsonCursor& cursor) {
  JsonCursor ahead = cursor;
  if (!ahead.take('{')) return std::nullopt;
  const std::optional<std::string_view> key = ahead.take_string();
  if (!key || !means(*key, "/") || !ahead.take(':')) return std::nullopt;
  const std::optional<std::string_view> text = ahead.take_string();
  if (!text || !ahead.take('}')) return std::nullopt;
  cursor = ahead;
  return text;
}

/// The CID in a link's text. Escapes in it are rare but legal: base64 has '/', which may be written
/// "\\/".
Result<Cid> cid_from_json(std::string_view raw) {
  if (raw.find('\\') == std::string_view::npos) return Cid::from_text(raw);
  if (raw.size() > limits::kCidTextMax) return fail(Errc::kTooLarge, "the CID's text is too long");
  return Cid::from_text(unescaped_json(raw));
}

}  // namespace

DagJsonReader::Item DagJsonReader::next() {
  while (!over_) {
    switch (wants_value_ ? begin_value() : after_value()) {
      case Step::kGoOn:
        break;
      case Step::kLink:
        return Item::kLink;
      case Step::kEnd:
        over_ = Item::kEnd;
        break;
      case Step::kMalformed:
        over_ = Item::kMalformed;
        break;
      case Step::kTooDeep:
        over_ = Item::kTooDeep;
        break;
    }
  }
  return *over_;
}

DagJsonReader::Step DagJsonReader::begin_value() {
  const char c = cursor_.peek();
  wants_value_ = false;
  if (c == '"') return cursor_.take_string() ? Step::kGoOn : Step::kMalformed;
  if (c != '{' && c != '[') return cursor_.take_scalar() ? Step::kGoOn : Step::kMalformed;
  if (const std::optional<std::string_view> text = take_link(cursor_)) {
    const Result<Cid> cid = cid_from_json(*text);
    if (!cid) return Step::kMalformed;
    cid_ = *cid;
    return Step::kLink;
  }
  if (open_.size() == limits::kNodeNestingMax) return Step::kTooDeep;
  const char close = c == '{' ? '}' : ']';
  if (!cursor_.take(c)) return Step::kMalformed;
  if (cursor_.take(close)) return Step::kGoOn;
  open_.push_back(close);
  if (c == '{') return take_key();
  wants_value_ = true;
  return Step::kGoOn;
}

DagJsonReader::Step DagJsonReader::after_value() {
  if (open_.empty()) return cursor_.at_end() ? Step::kEnd : Step::kMalformed;
  if (cursor_.take(open_.back())) {
    open_.pop_back();
    return Step::kGoOn;
  }
  if (!cursor_.take(',')) return Step::kMalformed;
  if (open_.back() == '}') return take_key();
  wants_value_ = true;
  return Step::kGoOn;
}

DagJsonReader::Step DagJsonReader::take_key() {
  wants_value_ = true;
  if (!cursor_.take_string() || !cursor_.take(':')) return Step::kMalformed;
  return Step::kGoOn;
}

namespace {

/// Skips one whole value of a block that is known to decode.
void skip_value(JsonCursor& cursor) {
  size_t depth = 0;
  do {
    const char c = cursor.peek();
    if (c == '{' || c == '[') {
      ++depth;
      (void)cursor.take(c);
    } else if (c == '}' || c == ']') {
      --depth;
      (void)cursor.take(c);
    } else if (c == ',' || c == ':') {
      (void)cursor.take(c);
    } else if (c == '"' ? !cursor.take_string().has_value() : !cursor.take_scalar()) {
      return;
    }
  } while (depth > 0);
}

/// Moves `cursor`, at a value, to the child that `segment` names.
bool find_child(JsonCursor& cursor, const std::string& segment) {
  if (cursor.take('{')) {
    while (const std::optional<std::string_view> key = cursor.take_string()) {
      if (!cursor.take(':')) return false;
      if (means(*key, segment)) return true;
      skip_value(cursor);
      if (!cursor.take(',')) return false;
    }
    return false;
  }
  const std::optional<uint64_t> index = path_index(segment);
  if (!index || !cursor.take('[')) return false;
  if (cursor.peek() == ']') return false;
  for (uint64_t i = 0; i < *index; ++i) {
    skip_value(cursor);
    if (!cursor.take(',')) return false;
  }
  return true;
}

}  // namespace

NodeLookup dag_json_lookup(Bytes block, std::span<const std::string> path) {
  DagJsonReader whole(block);
  DagJsonReader::Item item = whole.next();
  while (item == DagJsonReader::Item::kLink) item = whole.next();
  if (item != DagJsonReader::Item::kEnd) return {NodeLookup::Kind::kMalformed};

  JsonCursor cursor(block);
  for (size_t used = 0;; ++used) {
    if (const std::optional<std::string_view> text = take_link(cursor)) {
      const Result<Cid> cid = cid_from_json(*text);
      if (!cid) return {NodeLookup::Kind::kMalformed};
      const Bytes bytes = cid->bytes();
      return {NodeLookup::Kind::kLink, used, {bytes.begin(), bytes.end()}};
    }
    if (used == path.size()) return {NodeLookup::Kind::kValue, used};
    if (!find_child(cursor, path[used])) return {NodeLookup::Kind::kMissing, used};
  }
}

}  // namespace daphnis
