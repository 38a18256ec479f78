#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "tests/sim/edge/ipc_end.h"
#include "tests/sim/edge/ledger.h"
#include "tests/sim/edge/scene.h"
#include "tests/sim/edge/worker_disk.h"
#include "tests/sim/edge/worker_socket.h"
#include "worker/driver/driver.h"

namespace daphnis::sim {

/// One life of a worker process: its driver with the core and the sockets, its disk, its broker
/// connection. The counterpart of worker::uv::Shell. Owned by the world; its destruction is its
/// sudden death.
class WorkerNode final : private worker::DriverHost {
 public:
  /// Connects to the broker; null where there is none.
  using Dial = std::function<std::unique_ptr<Socket>()>;

  WorkerNode(Scene& scene, uint32_t index, const worker::Settings& settings, Dial dial_broker);
  ~WorkerNode();

  void on_client(std::unique_ptr<Socket> socket);
  [[nodiscard]] const worker::Worker& core() const { return driver_.core(); }
  /// See Ledger::leads_for_ms().
  [[nodiscard]] std::optional<uint64_t> leads_for_ms() const {
    return ledger_ ? ledger_->leads_for_ms() : std::nullopt;
  }
  /// Checks that nothing is under way any more.
  void check_quiet();

 private:
  // DriverHost
  void send(std::span<const ipc::WorkerToBroker> messages) override;
  void send_at_once(std::span<const ipc::WorkerToBroker> messages) override { send(messages); }
  void give_back(const ipc::ReturnSocket& message,
                 std::unique_ptr<worker::DrivenSocket> socket) override;
  void drop_broker(const std::string& why) override;
  [[nodiscard]] std::optional<uint64_t> bind_listener(const std::string& address) override;
  void accept_on(const std::string&, std::unique_ptr<worker::DrivenSocket>) override {
    fail_to_listen();
  }
  [[nodiscard]] bool awaits_clients() const override { return false; }
  void offer_listener(const ipc::Listening&) override { fail_to_listen(); }
  void close_listener(uint64_t) override { fail_to_listen(); }
  void accept_waiting() override { fail_to_listen(); }
  void start_handshake(std::unique_ptr<worker::DrivenSocket>, const std::string&) override {}
  void start(worker::FileJob job) override;
  void set_timer(uint64_t at_ms) override;
  void log(LogLevel level, const LogLine& line) override;
  void log_access(const LogLine& line) override;
  void set_log_level(LogLevel) override {}
  void stop() override { scene_.fail(name_ + " stops, which nobody asked for"); }

  /// The world passes clients on itself, so that no worker listens.
  void fail_to_listen() { scene_.fail(name_ + " listens"); }
  [[nodiscard]] std::unique_ptr<worker::DrivenSocket> driven(std::unique_ptr<Socket> socket);
  void connect();
  void on_frame(Bytes payload, std::unique_ptr<Socket> socket);
  void on_broker_lost();
  void send(const ipc::WorkerToBroker& message, std::unique_ptr<Socket> passenger = nullptr);
  void on_tick();

  Scene& scene_;
  std::string name_;
  uint32_t pid_;
  Dial dial_broker_;
  WorkerDisk disk_;
  WorkerBuffers buffers_;
  std::optional<Ledger> ledger_;
  std::unique_ptr<IpcEnd> ipc_;
  /// Destroyed before the broker connection: the kernel closes the other sockets first.
  worker::Driver driver_;
  Alarm timer_;
  Alarm tick_;
  Alarm retry_;
};

}  // namespace daphnis::sim
