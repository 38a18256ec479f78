#include "common/tls/client_hello.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/limits.h"

namespace daphnis::tls {
namespace {

// RFC 8446, 5.1: type, version and length of a record; its content follows.
constexpr size_t kRecordHeadBytes = 5;
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kVersionMajor = 3;
constexpr size_t kRecordBytesMax = 1 << 14;
// RFC 8446, 4: type and length of a handshake message; its body follows.
constexpr size_t kMessageHeadBytes = 4;
constexpr uint8_t kClientHelloMessage = 1;
// RFC 8446, 4.1.2.
constexpr size_t kRandomBytes = 32;
constexpr size_t kSessionIdBytesMax = 32;
/// Version, random, no session id, one cipher suite, one compression method, no extensions.
constexpr size_t kMessageBytesMin = kMessageHeadBytes + 2 + kRandomBytes + 1 + 2 + 2 + 1 + 1;
// RFC 6066, 3.
constexpr size_t kServerNameExtension = 0;
constexpr size_t kHostName = 0;
// RFC 1035, 2.3.4, as text without the dot of the root.
constexpr size_t kHostNameBytesMax = 253;
constexpr size_t kLabelBytesMax = 63;

/// Takes fields off the front of a message. After the first that is not there, all are empty.
class Fields {
 public:
  explicit Fields(Bytes all) : left_(all) {}

  Bytes take(size_t size) {
    is_sound_ = is_sound_ && size <= left_.size();
    if (!is_sound_) return {};
    const Bytes taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }
  /// A number of `size` bytes, the highest first.
  size_t number(size_t size) {
    size_t value = 0;
    for (const uint8_t byte : take(size)) value = value << 8 | byte;
    return value;
  }
  /// What follows a length of `length_bytes`.
  Bytes vector(size_t length_bytes) { return take(number(length_bytes)); }

  [[nodiscard]] bool is_empty() const { return left_.empty(); }
  [[nodiscard]] bool is_sound() const { return is_sound_; }
  /// True where all fields were there, and nothing is left over.
  [[nodiscard]] bool is_whole() const { return is_sound_ && left_.empty(); }

 private:
  Bytes left_;
  bool is_sound_ = true;
};

HelloLook no_hello(std::string_view problem) {
  return {.found = HelloLook::Found::kNoHello, .problem = problem};
}

bool is_host_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

/// Reads the extension's ServerNameList, which has at most one name of each type.
HelloLook read_server_name(Bytes extension) {
  Fields outer(extension);
  Fields list(outer.vector(2));
  if (!outer.is_whole() || list.is_empty()) return no_hello("its list of server names is cut");
  std::optional<Bytes> host;
  while (list.is_sound() && !list.is_empty()) {
    const size_t type = list.number(1);
    const Bytes name = list.vector(2);  // Names of further types begin with a length, too.
    if (type != kHostName) continue;
    if (host) return no_hello("it names two hosts");
    host = name;
  }
  if (!list.is_whole()) return no_hello("its list of server names is cut");
  if (!host) return {.found = HelloLook::Found::kNoName};
  auto name = read_host_name(as_text(*host));
  if (!name) return no_hello("its server name is no host name");
  return {.found = HelloLook::Found::kName, .name = std::move(*name)};
}

HelloLook read_extensions(Bytes all) {
  HelloLook look{.found = HelloLook::Found::kNoName};
  bool has_server_name = false;
  Fields extensions(all);
  while (extensions.is_sound() && !extensions.is_empty()) {
    const size_t type = extensions.number(2);
    const Bytes extension = extensions.vector(2);
    if (!extensions.is_sound() || type != kServerNameExtension) continue;
    if (has_server_name) return no_hello("it names its server twice");
    has_server_name = true;
    look = read_server_name(extension);
    if (look.found == HelloLook::Found::kNoHello) return look;
  }
  if (!extensions.is_whole()) return no_hello("its extensions are cut");
  return look;
}

/// Reads a whole ClientHello, without the head of the message.
HelloLook read_message(Bytes body) {
  Fields hello(body);
  const size_t version = hello.number(2);
  hello.take(kRandomBytes);
  const Bytes session_id = hello.vector(1);
  const Bytes cipher_suites = hello.vector(2);
  const Bytes compression_methods = hello.vector(1);
  if (!hello.is_sound()) return no_hello("it ends within its fields");
  const bool is_plausible = version >> 8 == kVersionMajor &&
                            session_id.size() <= kSessionIdBytesMax && !cipher_suites.empty() &&
                            cipher_suites.size() % 2 == 0 && !compression_methods.empty();
  if (!is_plausible) return no_hello("its fields have odd values");
  if (hello.is_empty()) return {.found = HelloLook::Found::kNoName};
  const Bytes extensions = hello.vector(2);
  if (!hello.is_whole()) return no_hello("its extensions do not end with it");
  return read_extensions(extensions);
}

/// Puts a ClientHello together from its records.
class Records {
 public:
  explicit Records(Bytes seen)
      : seen_(seen.first(std::min(seen.size(), limits::kClientHelloBytesMax))) {}

  HelloLook look() {
    while (true) {
      if (const auto odd = oddity_of_head()) return no_hello(*odd);
      if (seen_.size() - at_ < kRecordHeadBytes) return need(at_);
      const size_t length = static_cast<size_t>(seen_[at_ + 3]) << 8 | seen_[at_ + 4];
      if (length == 0 || length > kRecordBytesMax) return no_hello("a record has an odd length");
      at_ += kRecordHeadBytes;
      const Bytes content = seen_.subspan(at_, std::min(length, seen_.size() - at_));
      message_.insert(message_.end(), content.begin(), content.end());
      if (!message_.empty() && message_[0] != kClientHelloMessage) {
        return no_hello("it begins with another message");
      }
      if (message_.size() >= kMessageHeadBytes) read_message_head();
      if (message_.size() >= message_bytes_) {
        return read_message(Bytes(message_).first(message_bytes_).subspan(kMessageHeadBytes));
      }
      at_ += length;
      if (content.size() < length) return need_in_record(length - content.size());
    }
  }

 private:
  /// What is wrong with the head of the next record, as far as that has come.
  [[nodiscard]] std::optional<std::string_view> oddity_of_head() const {
    if (seen_.size() > at_ && seen_[at_] != kHandshakeRecord) return "it is no TLS handshake";
    if (seen_.size() > at_ + 1 && seen_[at_ + 1] != kVersionMajor) return "it is no TLS handshake";
    return std::nullopt;
  }
  void read_message_head() {
    message_bytes_ = kMessageHeadBytes + (static_cast<size_t>(message_[1]) << 16 |
                                          static_cast<size_t>(message_[2]) << 8 | message_[3]);
  }
  /// `missing` bytes of the present record have not come.
  [[nodiscard]] HelloLook need_in_record(size_t missing) {
    const size_t message_missing = message_bytes_ - message_.size();
    if (message_missing <= missing) return need_bytes(seen_.size() + message_missing);
    return need_bytes(at_ + kRecordHeadBytes + message_missing - missing);
  }
  /// The message's rest comes in records from `at` on, one at least.
  [[nodiscard]] HelloLook need(size_t at) const {
    return need_bytes(at + kRecordHeadBytes + message_bytes_ - message_.size());
  }
  [[nodiscard]] static HelloLook need_bytes(size_t bytes) {
    if (bytes > limits::kClientHelloBytesMax) return no_hello("it is too long");
    return {.needed_bytes = bytes};
  }

  Bytes seen_;     ///< No more than a ClientHello may have.
  size_t at_ = 0;  ///< Where the next record begins.
  std::vector<uint8_t> message_;
  size_t message_bytes_ = kMessageBytesMin;  ///< The least, until the message's head says it.
};

}  // namespace

std::optional<std::string> read_host_name(std::string_view text) {
  std::string name(text);
  // RFC 6066 wants it without the root's dot, which some clients send.
  if (name.ends_with('.')) name.pop_back();
  if (name.empty() || name.size() > kHostNameBytesMax) return std::nullopt;
  for (char& byte : name) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  size_t label_bytes = 0;
  for (const char byte : name) {
    if (byte == '.' ? label_bytes == 0 : !is_host_byte(byte)) return std::nullopt;
    label_bytes = byte == '.' ? 0 : label_bytes + 1;
    if (label_bytes > kLabelBytesMax) return std::nullopt;
  }
  if (label_bytes == 0) return std::nullopt;
  return name;
}

HelloLook look_at_client_hello(Bytes seen) {
  return Records(seen).look();
}

}  // namespace daphnis::tls
