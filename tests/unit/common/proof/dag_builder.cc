#include "tests/unit/common/proof/dag_builder.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "common/base/varint.h"
#include "common/ipld/hamt.h"

namespace daphnis::test {
namespace {

void append(ByteVector& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void append_varint(ByteVector& to, uint64_t value) {
  std::array<uint8_t, kVarintBytesMax> bytes;
  append(to, Bytes(bytes).first(write_varint(value, bytes.data())));
}

void append_number(ByteVector& to, uint8_t field, uint64_t value) {
  to.push_back(static_cast<uint8_t>(field << 3));
  append_varint(to, value);
}

void append_bytes(ByteVector& to, uint8_t field, Bytes value) {
  to.push_back(static_cast<uint8_t>(field << 3 | 2));
  append_varint(to, value.size());
  append(to, value);
}

void append_link(ByteVector& to, const Cid& cid, std::string_view name) {
  ByteVector link;
  append_bytes(link, 1, cid.bytes());
  append_bytes(link, 2, as_bytes(name));
  append_bytes(to, 2, link);
}

void append_cbor_head(ByteVector& to, uint8_t major, uint64_t argument) {
  if (argument < 24) {
    to.push_back(static_cast<uint8_t>(major << 5 | argument));
  } else {
    REQUIRE(argument < 256);
    to.push_back(static_cast<uint8_t>(major << 5 | 24));
    to.push_back(static_cast<uint8_t>(argument));
  }
}

void append_cbor_text(ByteVector& to, std::string_view text) {
  append_cbor_head(to, 3, text.size());
  append(to, as_bytes(text));
}

void append_cbor_link(ByteVector& to, const Cid& cid) {
  to.push_back(0xd8);
  to.push_back(42);
  append_cbor_head(to, 2, cid.bytes().size() + 1);
  to.push_back(0);
  append(to, cid.bytes());
}

}  // namespace

size_t DagBuilder::add(uint64_t codec, uint64_t hash_code, Node node, bool v0) {
  Hasher hasher;
  const Result<Cid> cid = hasher.cid_of(codec, hash_code, node.bytes);
  REQUIRE(cid.has_value());
  node.cid = *cid;
  if (v0) {
    const Result<Cid> old = Cid::from_bytes(cid->multihash());
    REQUIRE(old.has_value());
    node.cid = *old;
  }
  nodes.push_back(std::move(node));
  return nodes.size() - 1;
}

size_t DagBuilder::raw(ByteVector bytes, uint64_t hash_code) {
  Node node;
  node.own_size = bytes.size();
  node.bytes = std::move(bytes);
  return add(codec::kRaw, hash_code, std::move(node));
}

size_t DagBuilder::file(const std::vector<size_t>& children, const ByteVector& inside, bool v0) {
  Node node;
  node.kind = Kind::kFile;
  node.own_size = inside.size();
  ByteVector unixfs;
  append_number(unixfs, 1, 2);
  if (!inside.empty()) append_bytes(unixfs, 2, inside);
  uint64_t total = inside.size();
  for (const size_t child : children) total += size_of(child);
  append_number(unixfs, 3, total);
  for (const size_t child : children) {
    append_number(unixfs, 4, size_of(child));
    append_link(node.bytes, nodes[child].cid, "");
    node.links.push_back(child);
    node.sizes.push_back(size_of(child));
  }
  append_bytes(node.bytes, 1, unixfs);
  return add(codec::kDagPb, hash::kSha2_256, std::move(node), v0);
}

size_t DagBuilder::directory(const std::vector<std::pair<std::string, size_t>>& entries) {
  Node node;
  node.kind = Kind::kDirectory;
  for (const auto& [name, child] : entries) {
    append_link(node.bytes, nodes[child].cid, name);
    node.links.push_back(child);
    node.steps.push_back({{name}, {}, child});
  }
  append_bytes(node.bytes, 1, ByteVector{0x08, 0x01});
  return add(codec::kDagPb, hash::kSha2_256, std::move(node));
}

size_t DagBuilder::hamt(const std::vector<std::pair<std::string, size_t>>& entries, unsigned bits) {
  return shard(entries, bits, 0);
}

size_t DagBuilder::shard(const std::vector<std::pair<std::string, size_t>>& entries, unsigned bits,
                         unsigned used) {
  std::map<uint64_t, std::vector<std::pair<std::string, size_t>>> by_index;
  for (const auto& entry : entries) {
    const auto index = hamt_index(entry.first, used, bits);
    REQUIRE(index.has_value());
    by_index[*index].push_back(entry);
  }
  const uint64_t fanout = uint64_t{1} << bits;
  ByteVector bitmap(fanout / 8);
  Node node;
  node.kind = Kind::kShard;
  for (const auto& [index, group] : by_index) {
    bitmap[bitmap.size() - 1 - index / 8] |= static_cast<uint8_t>(1 << index % 8);
    char prefix[8];
    std::snprintf(prefix, sizeof prefix, "%0*X", static_cast<int>((bits + 3) / 4),
                  static_cast<unsigned>(index));
    if (group.size() == 1) {
      append_link(node.bytes, nodes[group[0].second].cid, prefix + group[0].first);
      node.links.push_back(group[0].second);
      node.steps.push_back({{group[0].first}, {}, group[0].second});
      continue;
    }
    const size_t below = shard(group, bits, used + bits);
    append_link(node.bytes, nodes[below].cid, prefix);
    node.links.push_back(below);
    for (Step step : nodes[below].steps) {
      step.via.insert(step.via.begin(), below);
      node.steps.push_back(std::move(step));
    }
  }
  ByteVector unixfs;
  append_number(unixfs, 1, 5);
  append_bytes(unixfs, 2, bitmap);
  append_number(unixfs, 5, 0x22);
  append_number(unixfs, 6, fanout);
  append_bytes(node.bytes, 1, unixfs);
  return add(codec::kDagPb, hash::kSha2_256, std::move(node));
}

size_t DagBuilder::dag_cbor(const std::vector<std::vector<size_t>>& groups) {
  Node node;
  node.kind = Kind::kData;
  append_cbor_head(node.bytes, 5, groups.size() + 1);
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::string key = "k" + std::to_string(i);
    append_cbor_text(node.bytes, key);
    if (groups[i].size() != 1) append_cbor_head(node.bytes, 4, groups[i].size());
    for (size_t j = 0; j < groups[i].size(); ++j) {
      append_cbor_link(node.bytes, nodes[groups[i][j]].cid);
      node.links.push_back(groups[i][j]);
      Step step{{key}, {}, groups[i][j]};
      if (groups[i].size() != 1) step.segments.push_back(std::to_string(j));
      node.steps.push_back(std::move(step));
    }
  }
  append_cbor_text(node.bytes, "n");
  node.bytes.push_back(7);
  return add(codec::kDagCbor, hash::kSha2_256, std::move(node));
}

size_t DagBuilder::dag_json(const std::vector<std::vector<size_t>>& groups) {
  Node node;
  node.kind = Kind::kData;
  std::string text = "{";
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::string key = "k" + std::to_string(i);
    text += "\"" + key + "\":";
    if (groups[i].size() != 1) text += "[";
    for (size_t j = 0; j < groups[i].size(); ++j) {
      text += (j > 0 ? "," : "");
      text += "{\"/\":\"" + nodes[groups[i][j]].cid.text() + "\"}";
      node.links.push_back(groups[i][j]);
      Step step{{key}, {}, groups[i][j]};
      if (groups[i].size() != 1) step.segments.push_back(std::to_string(j));
      node.steps.push_back(std::move(step));
    }
    text += groups[i].size() != 1 ? "]," : ",";
  }
  text += "\"n\":{\"/\":{\"bytes\":\"AQ\"}}}";
  node.bytes = to_vector(as_bytes(text));
  return add(codec::kDagJson, hash::kSha2_256, std::move(node));
}

uint64_t DagBuilder::size_of(size_t node) const {
  uint64_t size = nodes[node].own_size;
  for (const uint64_t below : nodes[node].sizes) size += below;
  return size;
}

MemorySource DagBuilder::source() const {
  MemorySource source;
  for (const Node& node : nodes) {
    if (!node.cid.is_identity()) source.add(node.cid, node.bytes);
  }
  return source;
}

size_t DagBuilder::random_file(int depth) {
  std::vector<size_t> children;
  const size_t count = 1 + random() % 5;
  for (size_t i = 0; i < count; ++i) {
    if (depth > 0 && random() % 2 == 0) {
      children.push_back(random_file(depth - 1));
    } else if (random() % 8 == 0) {
      children.push_back(file({}, ByteVector(random() % 20, 'd')));
    } else {
      const uint64_t code = random() % 10 == 0 ? hash::kIdentity : hash::kSha2_256;
      children.push_back(
          raw(ByteVector(1 + random() % 6, static_cast<uint8_t>(random() % 3)), code));
    }
  }
  return file(children, ByteVector(random() % 4 == 0 ? random() % 9 : 0, 'i'), random() % 3 == 0);
}

size_t DagBuilder::random_dag(int depth) {
  if (depth == 0) return random_file(static_cast<int>(random() % 3));
  std::vector<size_t> children;
  const size_t count = 1 + random() % 5;
  for (size_t i = 0; i < count; ++i) {
    const bool repeats = !children.empty() && random() % 4 == 0;
    children.push_back(repeats ? children[random() % children.size()] : random_dag(depth - 1));
  }
  std::vector<std::pair<std::string, size_t>> entries;
  for (size_t i = 0; i < children.size(); ++i) {
    entries.emplace_back("entry " + std::to_string(i), children[i]);
  }
  std::vector<std::vector<size_t>> groups;
  for (const size_t child : children) {
    if (!groups.empty() && random() % 2 == 0) {
      groups.back().push_back(child);
    } else {
      groups.push_back({child});
    }
  }
  switch (random() % 5) {
    case 0:
      return dag_cbor(groups);
    case 1:
      return dag_json(groups);
    case 2:
      while (entries.size() < 40) {
        entries.emplace_back("more " + std::to_string(entries.size()),
                             children[random() % children.size()]);
      }
      return hamt(entries, 3 + random() % 2);
    default:
      return directory(entries);
  }
}

CarRequest DagBuilder::random_request(size_t root, std::vector<size_t>& path_nodes) {
  CarRequest request{nodes[root].cid};
  size_t at = root;
  path_nodes = {root};
  while (!nodes[at].steps.empty() && random() % 4 != 0) {
    const Step& step = nodes[at].steps[random() % nodes[at].steps.size()];
    request.path.insert(request.path.end(), step.segments.begin(), step.segments.end());
    path_nodes.insert(path_nodes.end(), step.via.begin(), step.via.end());
    path_nodes.push_back(step.target);
    at = step.target;
  }
  request.scope = static_cast<DagScope>(random() % 3);
  request.dups = random() % 2 == 0;
  if (request.scope == DagScope::kEntity && random() % 4 != 0) {
    const auto offset = [this](uint64_t size) {
      const int64_t magnitude = static_cast<int64_t>(random() % (size + 3));
      return random() % 3 == 0 ? -magnitude : magnitude;
    };
    request.bytes = ByteRange{offset(size_of(at)), {}};
    if (random() % 3 != 0) request.bytes->to = offset(size_of(at));
  }
  return request;
}

void DagBuilder::put(size_t node, std::vector<Cid>& out) const {
  if (!nodes[node].cid.is_identity()) out.push_back(nodes[node].cid);
}

void DagBuilder::list_all(size_t node, std::vector<Cid>& out) const {
  put(node, out);
  for (const size_t link : nodes[node].links) list_all(link, out);
}

void DagBuilder::list_shards(size_t node, std::vector<Cid>& out) const {
  put(node, out);
  for (const size_t link : nodes[node].links) {
    // A shard that is an entry, and no child shard, is another directory.
    const bool is_entry = std::ranges::any_of(nodes[node].steps, [link](const Step& step) {
      return step.via.empty() && step.target == link;
    });
    if (!is_entry) list_shards(link, out);
  }
}

void DagBuilder::list_range(size_t node, uint64_t from, uint64_t to, std::vector<Cid>& out) const {
  put(node, out);
  uint64_t at = nodes[node].own_size;
  for (size_t i = 0; i < nodes[node].links.size(); ++i) {
    const uint64_t end = at + nodes[node].sizes[i];
    if (at == end && from <= at && at < to && from == 0 && to >= size_of(node)) {
      list_all(nodes[node].links[i], out);  // An empty part belongs to the whole file.
    } else if (at < to && from < end && at < end) {
      const bool is_whole = from <= at && end <= to;
      if (is_whole) {
        list_all(nodes[node].links[i], out);
      } else {
        list_range(nodes[node].links[i], std::max(from, at) - at, std::min(to, end) - at, out);
      }
    }
    at = end;
  }
}

std::vector<Cid> DagBuilder::expected(const CarRequest& request,
                                      const std::vector<size_t>& path_nodes) const {
  std::vector<Cid> out;
  for (size_t i = 0; i + 1 < path_nodes.size(); ++i) put(path_nodes[i], out);
  const size_t terminal = path_nodes.back();
  const Node& node = nodes[terminal];
  if (request.scope == DagScope::kAll) {
    list_all(terminal, out);
  } else if (request.scope == DagScope::kEntity && node.kind == Kind::kShard) {
    list_shards(terminal, out);
  } else if (request.scope == DagScope::kEntity && node.kind == Kind::kFile) {
    const auto size = static_cast<int64_t>(size_of(terminal));
    const ByteRange range = request.bytes.value_or(ByteRange{0, {}});
    const int64_t from = range.from < 0 ? std::max<int64_t>(0, size + range.from) : range.from;
    const int64_t to = !range.to       ? size
                       : *range.to < 0 ? std::max<int64_t>(0, size + *range.to)
                                       : std::min(size, *range.to + 1);
    if (from == 0 && to == size) {
      if (from < to || !range.to || !request.bytes)
        list_all(terminal, out);
      else
        put(terminal, out);
    } else if (from < to) {
      list_range(terminal, static_cast<uint64_t>(from), static_cast<uint64_t>(to), out);
    } else {
      put(terminal, out);
    }
  } else {
    put(terminal, out);
  }
  return out;
}

std::vector<Cid> without_repeats(const std::vector<Cid>& cids) {
  std::vector<Cid> out;
  for (const Cid& cid : cids) {
    const bool came =
        std::ranges::any_of(out, [&cid](const Cid& other) { return other.names_same_block(cid); });
    if (!came) out.push_back(cid);
  }
  return out;
}

}  // namespace daphnis::test
