#include "broker/cache/cache_snapshot.h"

#include <openssl/sha.h>

#include <array>
#include <catch2/catch.hpp>
#include <string_view>

#include "tests/fakes/cached_files.h"

namespace daphnis::broker {
namespace {

std::vector<CacheEntry> some_entries(size_t count) {
  std::vector<CacheEntry> entries;
  for (uint32_t i = 0; i < count; ++i) {
    const std::vector<uint8_t> data{static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8), 7};
    const Cid root = test::raw_block(data).cid;
    entries.push_back({.key = key_of(CarRequest{.root = root}),
                       .root = root,
                       .size = 1000ULL * i + (1ULL << 33),
                       .stored_s = 100 + i,
                       .idle_s = 200 + i,
                       .hits = i,
                       .unproven_h = static_cast<uint16_t>(3 * i),
                       .judged_by = (1ULL << 63) + i});
  }
  return entries;
}

std::vector<uint8_t> snapshot_of(std::span<const CacheEntry> entries, size_t per_frame) {
  std::vector<uint8_t> bytes;
  put_snapshot_head(bytes);
  for (size_t at = 0; at < entries.size(); at += per_frame) {
    put_snapshot_frame(entries.subspan(at, std::min(per_frame, entries.size() - at)), bytes);
  }
  put_snapshot_end(bytes);
  return bytes;
}

bool is_same(const CacheEntry& a, const CacheEntry& b) {
  return a.key == b.key && a.root == b.root && a.size == b.size && a.stored_s == b.stored_s &&
         a.idle_s == b.idle_s && a.hits == b.hits && a.unproven_h == b.unproven_h &&
         a.judged_by == b.judged_by;
}

TEST_CASE("a snapshot gives back every entry that was put in") {
  const auto entries = some_entries(1000);
  const CacheSnapshot snapshot(snapshot_of(entries, 300));
  CHECK(snapshot.is_whole());
  CHECK(snapshot.entries() == entries.size());
  for (const auto& entry : entries) {
    const auto found = snapshot.find(entry.key);
    REQUIRE(found);
    CHECK(is_same(*found, entry));
  }
  CHECK_FALSE(snapshot.find(RequestKey{}));
}

/// A snapshot in version 1, with `used_s` and without unproven_h, or 2, with it.
std::vector<uint8_t> snapshot_of_version(uint16_t version, std::span<const CacheEntry> entries) {
  std::vector<uint8_t> rows;
  const auto put = [](std::vector<uint8_t>& out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  for (const auto& entry : entries) {
    rows.insert(rows.end(), entry.key.begin(), entry.key.end());
    put(rows, entry.size, 8);
    put(rows, entry.stored_s, 4);
    put(rows, version == 1 ? 1'700'000'000 : entry.idle_s, 4);
    put(rows, entry.hits, 4);
    if (version > 1) put(rows, entry.unproven_h, 2);
    const Bytes root = entry.root.bytes();
    put(rows, root.size(), 1);
    rows.insert(rows.end(), root.begin(), root.end());
  }
  const std::string_view magic = "DAPHIDX\n";
  std::vector<uint8_t> out(magic.begin(), magic.end());
  put(out, version, 8);
  const auto frame = [&](const std::vector<uint8_t>& body, size_t count) {
    put(out, body.size(), 4);
    put(out, count, 4);
    std::array<uint8_t, 32> digest;
    SHA256(body.data(), body.size(), digest.data());
    out.insert(out.end(), digest.begin(), digest.end());
    out.insert(out.end(), body.begin(), body.end());
  };
  frame(rows, entries.size());
  frame({}, 0);
  return out;
}

TEST_CASE("a snapshot of version 1 is read and its dates become no age") {
  const auto entries = some_entries(100);
  const CacheSnapshot snapshot(snapshot_of_version(1, entries));
  CHECK(snapshot.is_whole());
  CHECK(snapshot.entries() == entries.size());
  for (auto entry : entries) {
    const auto found = snapshot.find(entry.key);
    REQUIRE(found);
    entry.idle_s = 0;
    entry.unproven_h = CacheEntry::kNeverHours;
    entry.judged_by = 0;
    CHECK(is_same(*found, entry));
  }
}

TEST_CASE("a snapshot of version 2 is read and no list has judged its entries") {
  const auto entries = some_entries(100);
  const CacheSnapshot snapshot(snapshot_of_version(2, entries));
  CHECK(snapshot.is_whole());
  for (auto entry : entries) {
    const auto found = snapshot.find(entry.key);
    REQUIRE(found);
    entry.judged_by = 0;
    CHECK(is_same(*found, entry));
  }
}

TEST_CASE("a snapshot of nothing is whole and empty") {
  const CacheSnapshot snapshot(snapshot_of({}, 1));
  CHECK(snapshot.is_whole());
  CHECK(snapshot.entries() == 0);
  CHECK_FALSE(CacheSnapshot().find(RequestKey{}));
}

TEST_CASE("a snapshot cut anywhere gives only entries that were put in") {
  const auto entries = some_entries(20);
  const auto bytes = snapshot_of(entries, 6);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const CacheSnapshot snapshot({bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)});
    CHECK_FALSE(snapshot.is_whole());
    CHECK(snapshot.entries() <= entries.size());
    for (const auto& entry : entries) {
      const auto found = snapshot.find(entry.key);
      if (found) CHECK(is_same(*found, entry));
    }
  }
}

TEST_CASE("a snapshot with any byte changed gives only entries that were put in") {
  const auto entries = some_entries(20);
  const auto bytes = snapshot_of(entries, 6);
  size_t lost = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    auto changed = bytes;
    changed[at] ^= 0x41;
    const CacheSnapshot snapshot(std::move(changed));
    size_t found_count = 0;
    for (const auto& entry : entries) {
      const auto found = snapshot.find(entry.key);
      if (!found) continue;
      ++found_count;
      if (!is_same(*found, entry)) FAIL("a changed entry was believed, byte " << at);
    }
    if (snapshot.entries() != found_count) FAIL("an entry of nobody's was taken, byte " << at);
    if (found_count < entries.size()) ++lost;
  }
  CHECK(lost > bytes.size() / 2);  // Most bytes belong to rows.
}

}  // namespace
}  // namespace daphnis::broker
