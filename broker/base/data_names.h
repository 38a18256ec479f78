#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/ids.h"
#include "common/base/uuid.h"

namespace daphnis::broker {

/// The longest data name: in front of it workers need 10 digits of an index, 8 of a tag, and "w-.".
inline constexpr size_t kDataNameBytesMax = 253 - 21;

/// The names by which L2s reach a worker itself over TLS: `w<index>-<tag>.<data name>`, where the
/// tag is drawn for each connection of a worker, so that a name means no other process after a
/// reload. Part of the Context.
class DataNames {
 public:
  /// Names are given from now on, below `data_name`, a host name in lower case, for the TLS port of
  /// L2s. Without this call there are none.
  void set_place(std::string data_name, uint16_t port);

  /// The worker takes direct deliveries, where it `asks_certificates` only with a certificate of
  /// the L2. The first bytes of `random` make its tag.
  void add(WorkerId worker, uint32_t index, bool asks_certificates, const Uuid& random);
  void remove(WorkerId worker);

  /// The URL that an order names, without a path: "https://w3-5be0c11f.edge.example:8443". Empty
  /// where the worker has no name, or `is_certified` and it asks for no certificates. Valid until
  /// remove().
  [[nodiscard]] std::string_view url_of(WorkerId worker, bool is_certified = false) const;
  /// An attempt of the worker may be delivered to directly from now on, or no more.
  void note_out(WorkerId worker);
  void note_over(WorkerId worker);
  /// The worker to which a connection is to go whose client asks for this name, in lower case.
  /// Nothing where no worker has that name, or no attempt of it may be delivered to directly.
  [[nodiscard]] std::optional<WorkerId> taker_of(std::string_view server_name) const;

 private:
  struct Names {
    std::string server_name;
    std::string url;
    bool asks_certificates = false;
    size_t attempts_out = 0;
  };

  std::string data_name_;
  uint16_t port_ = 0;
  std::map<WorkerId, Names> names_;
};

}  // namespace daphnis::broker
