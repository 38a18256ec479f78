#include "tests/sim/edge/content.h"

#include <random>
#include <utility>

#include "common/base/check.h"
#include "common/ipld/hashes.h"
#include "l2/core/unixfs_encode.h"

namespace daphnis::sim {
namespace {

using l2::DagEntry;
using l2::DagNode;

std::vector<uint8_t> name_of(const Cid& cid) {
  std::vector<uint8_t> name(cid.multihash().begin(), cid.multihash().end());
  for (int i = 0; i < 4; ++i) name.push_back(static_cast<uint8_t>(cid.codec() >> (8 * i)));
  return name;
}

std::vector<uint8_t> random_bytes(std::mt19937_64& random, size_t size) {
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

DagNode add_node(Dag& dag, const std::vector<DagNode>& below, const std::vector<uint8_t>& block) {
  const DagNode node = l2::node_above(below, block);
  dag.blocks.add(node.cid, block);
  dag.root = node.cid;
  return node;
}

DagNode add_leaf(Dag& dag, const std::vector<uint8_t>& bytes) {
  const Cid cid = l2::sha256_cid(codec::kRaw, bytes);
  dag.blocks.add(cid, bytes);
  dag.root = cid;
  return {cid, bytes.size(), bytes.size()};
}

/// Adds a file of `leaves` leaves under nodes of at most `fanout` links. Every leaf whose number
/// divides by `repeats` is the same block.
DagNode add_file(Dag& dag, std::mt19937_64& random, size_t leaves, size_t leaf_bytes, size_t fanout,
                 size_t repeats = 0) {
  const std::vector<uint8_t> again = random_bytes(random, leaf_bytes);
  std::vector<DagNode> level;
  for (size_t i = 0; i < leaves; ++i) {
    const bool is_repeat = repeats > 0 && i % repeats == 0;
    level.push_back(add_leaf(dag, is_repeat ? again : random_bytes(random, leaf_bytes)));
  }
  while (level.size() > 1) {
    std::vector<DagNode> above;
    for (size_t at = 0; at < level.size(); at += fanout) {
      const auto end = level.begin() + static_cast<long>(std::min(level.size(), at + fanout));
      const std::vector<DagNode> below(level.begin() + static_cast<long>(at), end);
      above.push_back(add_node(dag, below, l2::encode_file_node(below)));
    }
    level = std::move(above);
  }
  return level.front();
}

DagNode add_directory(Dag& dag, const std::vector<DagEntry>& entries) {
  std::vector<DagNode> below;
  for (const DagEntry& entry : entries) below.push_back(entry.node);
  return add_node(dag, below, l2::encode_directory(entries));
}

/// Adds a DAG-CBOR list of links.
void add_cbor_list(Dag& dag, const std::vector<DagNode>& items) {
  std::vector<uint8_t> block{static_cast<uint8_t>(0x80 + items.size())};
  for (const DagNode& item : items) {
    const Bytes cid = item.cid.bytes();
    block.insert(block.end(), {0xd8, 0x2a, 0x58, static_cast<uint8_t>(cid.size() + 1), 0});
    block.insert(block.end(), cid.begin(), cid.end());
  }
  dag.root = l2::sha256_cid(codec::kDagCbor, block);
  dag.blocks.add(dag.root, block);
}

Cid v0_twin(const Cid& cid) {
  const auto twin = Cid::from_bytes(cid.multihash());
  check(twin.has_value(), "a dag-pb sha2-256 CID has no v0 twin");
  return *twin;
}

std::string target_of(const CarRequest& request) {
  std::string target = "/ipfs/" + request.root.text();
  for (const std::string& segment : request.path) target += "/" + segment;
  if (request.format == AnswerFormat::kRaw) return target + "?format=raw";
  target += "?format=car&dag-scope=";
  target += request.scope == DagScope::kAll      ? "all"
            : request.scope == DagScope::kEntity ? "entity"
                                                 : "block";
  if (request.bytes) {
    target += "&entity-bytes=" + std::to_string(request.bytes->from) + ":";
    target += request.bytes->to ? std::to_string(*request.bytes->to) : "*";
  }
  return target + (request.dups ? "&car-dups=y" : "&car-dups=n");
}

void add_wish(Content& content, size_t dag, const CarRequest& request) {
  BlockStore blocks = content.dags[dag].blocks;
  Produced answer = produce(request, blocks);
  check(answer.is_complete == answer.has_begun, "a wish must be right or name no block at all");
  content.wishes.push_back({.dag = dag,
                            .target = target_of(request),
                            .exists = answer.is_complete,
                            .answer = std::move(answer.bytes),
                            .key = key_of(request),
                            .is_whole_dag = key_of(request) == key_of({.root = request.root})});
}

/// Adds all requests that make sense for a DAG, and those of ranges for the DAG that is a file.
void add_wishes(Content& content, size_t dag, const std::vector<std::vector<std::string>>& paths,
                bool has_v0_twin) {
  const Cid root = content.dags[dag].root;
  for (const bool dups : {false, true}) {
    add_wish(content, dag, {.root = root, .dups = dups});
    for (const auto& path : paths) {
      for (const DagScope scope : {DagScope::kAll, DagScope::kEntity, DagScope::kBlock}) {
        add_wish(content, dag, {.root = root, .path = path, .scope = scope, .dups = dups});
      }
      for (const ByteRange range : {ByteRange{0, 99}, ByteRange{3000, 9000}, ByteRange{-5000, {}},
                                    ByteRange{2048, -2048}}) {
        add_wish(
            content, dag,
            {.root = root, .path = path, .scope = DagScope::kEntity, .bytes = range, .dups = dups});
      }
    }
  }
  add_wish(content, dag, {.root = root, .path = {"there-is-no-such-entry"}});
  if (has_v0_twin) add_wish(content, dag, {.root = v0_twin(root)});
  add_wish(content, dag, {.root = root, .scope = DagScope::kBlock, .format = AnswerFormat::kRaw});
}

Content make() {
  std::mt19937_64 random(20240229);
  Content content;
  std::vector<Dag>& dags = content.dags;

  add_leaf(dags.emplace_back(), random_bytes(random, 300));
  add_wish(content, 0, {.root = dags[0].root});
  add_wish(content, 0,
           {.root = dags[0].root, .scope = DagScope::kBlock, .format = AnswerFormat::kRaw});

  add_file(dags.emplace_back(), random, 7, 1500, 3);
  add_wishes(content, 1, {{}}, true);

  add_file(dags.emplace_back(), random, 24, 4096, 6, 4);
  add_wishes(content, 2, {{}}, true);

  Dag& tree = dags.emplace_back();
  const DagNode film = add_file(tree, random, 9, 2000, 4, 3);
  const DagNode note = add_leaf(tree, random_bytes(random, 120));
  const DagNode inner = add_directory(tree, {{"film", film}, {"note", note}});
  const DagNode twice = add_directory(tree, {{"a", inner}, {"b", inner}, {"film", film}});
  add_directory(tree, {{"deep", twice}, {"note", note}, {"other", inner}});
  add_wishes(content, 3, {{}, {"deep"}, {"deep", "a", "film"}, {"deep", "film"}, {"note"}}, true);

  Dag& list = dags.emplace_back();
  std::vector<DagNode> items;
  for (size_t i = 0; i < 5; ++i) items.push_back(add_leaf(list, random_bytes(random, 700 * i + 1)));
  items.push_back(items[2]);
  items.push_back(add_file(list, random, 3, 512, 8));
  add_cbor_list(list, items);
  add_wishes(content, 4, {{}, {"6"}}, false);

  // Larger than kAdmitSmallBytesMax and than one write of a spool.
  add_file(dags.emplace_back(), random, 90, 16'384, 30);
  add_wish(content, 5, {.root = dags[5].root});
  add_wish(content, 5,
           {.root = dags[5].root, .scope = DagScope::kEntity, .bytes = ByteRange{700'000, {}}});
  return content;
}

}  // namespace

void BlockStore::add(const Cid& cid, const std::vector<uint8_t>& block) {
  blocks_[name_of(cid)] = block;
}

BlockSource::Read BlockStore::read(const Cid& cid, Slices& into) {
  const auto found = blocks_.find(name_of(cid));
  if (found == blocks_.end()) return Read::kMissing;
  into.push_back(Slice::copy_of(found->second));
  return Read::kOk;
}

Produced produce(const CarRequest& request, BlockSource& source, Producer::OnRefusal on_refusal,
                 Skip skip) {
  Producer producer(request, {}, on_refusal, std::move(skip));
  Produced made;
  Slices out;
  while (producer.state() == Producer::State::kMore) {
    (void)producer.produce(source, 16 * 1024, out);
    for (const Slice& slice : out) made.bytes.append(as_text(slice.bytes()));
    out.clear();
  }
  made.is_complete = producer.state() == Producer::State::kComplete;
  made.has_begun = producer.output_bytes() > 0;
  return made;
}

const Content& Content::instance() {
  static const Content content = make();
  return content;
}

}  // namespace daphnis::sim
