#include "common/http/http_replies.h"

#include "common/http/http_writer.h"

namespace daphnis::http {

std::string reply(int status, std::string_view code, std::string_view detail, Connection connection,
                  uint32_t retry_after_s) {
  std::string body = R"({"code":")";
  body.append(code).append(R"(","detail":")").append(detail).append("\"}\n");
  auto head = HeadWriter::response(status);
  head.add("Content-Type", "application/json").add("Content-Length", body.size());
  if (connection == Connection::kClose) head.add("Connection", "close");
  if (status == 503) head.add("Retry-After", retry_after_s);
  return head.finish() + body;
}

std::string reply_ok(std::string_view json) {
  auto head = HeadWriter::response(200);
  head.add("Content-Type", "application/json").add("Content-Length", json.size() + 1);
  return head.finish().append(json).append("\n");
}

}  // namespace daphnis::http
