#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/slice.h"

namespace daphnis::http {

struct Header {
  std::string name;   ///< As sent; compare without case.
  std::string value;  ///< Trimmed of optional white space.
};

/// The start line and header fields of one message.
struct Head {
  std::string method;  ///< Requests: upper case as sent.
  std::string target;  ///< Requests: as sent.
  int status = 0;      ///< Responses.
  int minor = 1;       ///< HTTP/1.minor: 0 or 1.
  std::vector<Header> headers = {};
  bool keep_alive = true;  ///< By version and Connection.
  bool chunked = false;    ///< Transfer-Encoding: chunked.
  std::optional<uint64_t> content_length = {};
  bool expects_continue = false;  ///< Expect: 100-continue on HTTP/1.1.
  bool upgrade = false;           ///< Connection: upgrade with an Upgrade field.

  /// The first field of that name, compared without case; nullptr where there is none.
  [[nodiscard]] const std::string* find(std::string_view name) const;
};

/// Why a message was refused: the status with which a server replies before it closes, a stable
/// snake_case code and a sentence. For responses only `code` and `detail` matter.
struct Refusal {
  int status = 400;
  std::string_view code;
  std::string_view detail;
};

/// HTTP/1 message parser over llhttp in strict mode, with our own checks for what it lets through:
/// obs-fold, zero or two Hosts (requests), empty header names, Transfer-Encoding on HTTP/1.0, both
/// Content-Length and Transfer-Encoding, differing or odd Content-Lengths, bare LF, NUL, HTTP
/// versions other than 1.0 and 1.1. Sans-I/O and pull-style: the caller offers bytes, gets one
/// event back and offers the rest again. Any split of the same bytes gives the same events (bodies
/// may be cut differently). Holds at most the head's bytes (kHttpHeadBytesMax). After kEnd it is
/// ready for the next message on the same connection; after kRefused it stays refused.
/// Interim responses (1xx but 101) are passed over, up to kHttpInterimResponsesMax before a final
/// one. An upgrade (a request with `upgrade`, or 101) ends like any message: what follows kEnd is
/// the caller's. CONNECT is refused. Trailers are checked; a request's are dropped.
class Parser {
 public:
  enum class Kind { kRequest, kResponse };
  enum class Event {
    kNeedMore,  ///< All offered bytes were taken; no event yet.
    kHead,      ///< head() is complete.
    kBody,      ///< `body` is part of the content, a view into the offered bytes.
    kEnd,       ///< The message is over; bytes past `consumed` belong to the next one.
    kRefused,   ///< refusal() says why; nothing more will be parsed.
  };
  struct Step {
    Event event;
    size_t consumed;  ///< Bytes of the offer that are done with.
    Bytes body = {};  ///< For kBody only.
  };

  explicit Parser(Kind kind);
  ~Parser();
  Parser(Parser&&) noexcept;
  Parser& operator=(Parser&&) noexcept;

  /// One event's worth of progress. May be called with an empty span (a pending kEnd still comes).
  [[nodiscard]] Step step(Bytes offered);

  /// For responses whose body ends with the connection: call at EOF. kEnd if that completes the
  /// message, kNeedMore if nothing was begun, else kRefused (cut).
  [[nodiscard]] Event on_eof();

  /// Responses only: the next response answers a HEAD, so it has no body.
  void next_response_has_no_body();

  [[nodiscard]] const Head& head() const;  ///< Valid from kHead to the next message's first byte.
  /// Moves the head out, at a time when head() is valid; from then on head() is not valid.
  [[nodiscard]] Head take_head();
  /// Responses only: the fields behind the body, from kEnd to the next message's first byte.
  [[nodiscard]] const std::vector<Header>& trailers() const;
  [[nodiscard]] const Refusal& refusal() const;
  /// True from a message's first byte to its kEnd.
  [[nodiscard]] bool in_message() const;

 private:
  struct State;  // llhttp keeps a pointer to it, so it must not move.
  std::unique_ptr<State> state_;
};

}  // namespace daphnis::http
