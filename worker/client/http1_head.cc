#include "worker/client/http1_head.h"

#include "common/http/http_writer.h"

namespace daphnis::worker {

Http1Head http1_head(const Response& response, const Http1Request& request) {
  Http1Head head{.keeps_open = request.keep_alive && !response.is_last};
  auto writer = http::HeadWriter::response(response.status);
  if (has_no_body(response.status)) {
    head.framing = Framing::kNone;
  } else if (response.length) {
    head.framing = Framing::kLength;
    writer.add("Content-Length", *response.length);
  } else if (request.minor == 0) {
    head.framing = Framing::kToClose;
    head.keeps_open = head.keeps_open && request.is_head;
  } else {
    head.framing = Framing::kChunked;
    writer.add("Transfer-Encoding", "chunked");
  }
  if (request.is_head) head.framing = Framing::kNone;
  writer.add(response.fields);
  // A chunked body never has this field: node's fetch takes a cut body for whole where the head
  // said close, whether the cut is a FIN or a reset. RFC 9112 section 9.6 only recommends the
  // field.
  if (!head.keeps_open && head.framing != Framing::kChunked) writer.add("Connection", "close");
  if (head.keeps_open && request.minor == 0) writer.add("Connection", "keep-alive");
  head.text = writer.finish();
  return head;
}

}  // namespace daphnis::worker
