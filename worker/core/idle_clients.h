#pragma once

#include <list>

namespace daphnis::worker {

class ClientSession;

/// Clients that ask for nothing, the longest idle one first: whose place is taken when there is
/// none left. Owned by the Worker; must outlive its places.
class IdleClients {
 public:
  /// One client's place among them, if it is idle. Owned by that client.
  class Place {
   public:
    Place(IdleClients& idle, ClientSession& client) : idle_(idle), self_{&client} {}
    ~Place() { leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    /// It is idle from now on.
    void enter() {
      if (!self_.empty()) idle_.clients_.splice(idle_.clients_.end(), self_);
    }
    void leave() {
      if (self_.empty()) self_.splice(self_.end(), idle_.clients_, at_);
    }

   private:
    IdleClients& idle_;
    std::list<ClientSession*> self_;  ///< Its node, while it is not idle: nothing is allocated.
    const std::list<ClientSession*>::iterator at_ = self_.begin();
  };

  /// Null: all are busy.
  [[nodiscard]] ClientSession* longest() const {
    return clients_.empty() ? nullptr : clients_.front();
  }

 private:
  std::list<ClientSession*> clients_;
};

}  // namespace daphnis::worker
