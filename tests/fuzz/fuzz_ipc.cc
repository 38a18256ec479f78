#include <algorithm>
#include <string>

#include "common/base/check.h"
#include "common/ipc/ipc_codec.h"

/// Checks the messages between workers and the broker: a message that decodes has one encoding, and
/// any split of the stream gives the same frames.
namespace {

using daphnis::Bytes;
using namespace daphnis::ipc;

/// False for a Welcome that names a version of before all others: a session ends with that, and a
/// codec that has read it can encode nothing more.
bool is_of_a_version(const WorkerToBroker& /*message*/) {
  return true;
}
bool is_of_a_version(const BrokerToWorker& message) {
  const auto* welcome = std::get_if<Welcome>(&message);
  return !welcome || welcome->version >= kVersionMin;
}

template <typename Message>
void check_form(const daphnis::Result<Message>& message, Bytes payload, Codec codec) {
  if (!message || !is_of_a_version(*message)) return;
  const std::vector<uint8_t> frame = codec.encode(*message, Carries::kNothing);
  daphnis::check(std::ranges::equal(Bytes(frame).subspan(kFrameHeadBytes), payload),
                 "what decodes encodes to itself");
}

std::string frames_of(std::initializer_list<Bytes> parts) {
  std::string seen;
  FrameReader reader;
  for (const Bytes part : parts) {
    reader.append(part);
    FrameReader::Frame frame;
    FrameReader::Event event = reader.next(frame);
    for (; event == FrameReader::Event::kFrame; event = reader.next(frame)) {
      seen.append(daphnis::as_text(frame.payload)).append(frame.has_descriptor ? "!" : ".");
    }
    if (event == FrameReader::Event::kMalformed) return seen + "malformed";
  }
  return seen;
}

}  // namespace

/// The first byte chooses what the rest is: a message of either side in the oldest or the newest
/// version, or frames.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes input(data + 1, size - 1);
  Codec codec(data[0] < 0x80 ? kVersionMin : kVersion);
  switch (data[0] % 3) {
    case 0:
      check_form(codec.decode_worker_to_broker(input), input, codec);
      break;
    case 1:
      check_form(codec.decode_broker_to_worker(input), input, codec);
      break;
    default:
      const size_t cut = data[0] * input.size() / 256;
      daphnis::check(frames_of({input}) == frames_of({input.first(cut), input.subspan(cut)}),
                     "a cut changes what a stream of frames says");
  }
  return 0;
}
