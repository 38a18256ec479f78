#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/registry/l2_line.h"
#include "common/ipld/cid.h"

namespace daphnis::bench {

/// Adds the time that this thread has had on a core during its life to a sum, in µs.
class Meter {
 public:
  Meter(double& sum_us, double& longest_us)
      : sum_us_(sum_us), longest_us_(longest_us), begun_us_(now_us()) {}
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;
  ~Meter() {
    const double us = now_us() - begun_us_;
    sum_us_ += us;
    longest_us_ = std::max(longest_us_, us);
  }

 private:
  static double now_us() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
  }

  double& sum_us_;
  double& longest_us_;
  const double begun_us_;
};

/// The CID number `n`: raw, sha2-256, with a digest made of `n`.
inline Cid cid_of(uint64_t n) {
  std::vector<uint8_t> digest(32);
  for (size_t i = 0; i < 8; ++i) digest[i] = static_cast<uint8_t>(n >> (8 * i));
  return *Cid::v1(codec::kRaw, 0x12, digest);
}

/// The `n` of such a CID.
inline uint64_t number_of(const Cid& cid) {
  uint64_t n = 0;
  const auto digest = cid.digest();
  for (size_t i = 0; i < 8; ++i) n |= uint64_t{digest[i]} << (8 * i);
  return n;
}

/// The way to one L2, which reads whatever it is sent at once.
class CrowdLine final : public broker::L2Line {
 public:
  using OnOrder = std::function<void(const broker::Order&)>;
  explicit CrowdLine(OnOrder on_order) : on_order_(std::move(on_order)) {}
  size_t begin(const Uuid&) override { return 0; }
  size_t order(const broker::Order& order) override {
    on_order_(order);
    return 0;
  }
  size_t cancel(const Uuid&) override { return 0; }
  size_t notice(const broker::Ejection&) override { return 0; }
  size_t heartbeat() override { return 0; }
  void end(std::string_view, uint64_t) override {}
  void cut() override {}

 private:
  OnOrder on_order_;
};

}  // namespace daphnis::bench
