#include "worker/driver/driven_socket.h"

namespace daphnis::worker {

FileSent DrivenSocket::send_looked(const FileRange& piece) {
  using Outcome = FileSent::Outcome;
  const FileBytes looked = look(piece);
  if (looked.outcome == FileBytes::Outcome::kCold) return {.outcome = Outcome::kCold};
  if (looked.outcome == FileBytes::Outcome::kFileLost) {
    return {.outcome = Outcome::kFileLost, .error = looked.error};
  }
  const SocketWritten written = write({&looked.bytes, 1}, looked.bytes.size() < piece.size);
  if (written.is_lost) return {.outcome = Outcome::kSocketLost};
  if (written.bytes == 0) return {.outcome = Outcome::kBlocked};
  return {.bytes = written.bytes, .is_socket_full = written.is_full};
}

}  // namespace daphnis::worker
