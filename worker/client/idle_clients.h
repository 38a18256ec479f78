#pragma once

#include <list>

namespace daphnis::worker {

class ClientSession;

/// Clients that may be closed when no place for a new one is left, since they ask for nothing or
/// may be gone: the one that has been in the list longest comes first. Owned by the Worker; must
/// outlive its places.
class IdleClients {
 public:
  /// One client's entry in the list, while it is in it. Owned by that client.
  class Place {
   public:
    Place(IdleClients& idle, ClientSession& client) : idle_(idle), self_{&client} {}
    ~Place() { leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    /// Puts the client at the end of the list, unless it is in it.
    void enter() {
      if (!self_.empty()) idle_.clients_.splice(idle_.clients_.end(), self_);
    }
    void leave() {
      if (self_.empty()) self_.splice(self_.end(), idle_.clients_, at_);
    }

   private:
    IdleClients& idle_;
    /// The list node while the client is not in the list, so that entering allocates nothing.
    std::list<ClientSession*> self_;
    const std::list<ClientSession*>::iterator at_ = self_.begin();
  };

  /// The client that has been in the list longest; null where it is empty.
  [[nodiscard]] ClientSession* longest() const {
    return clients_.empty() ? nullptr : clients_.front();
  }

 private:
  std::list<ClientSession*> clients_;
};

}  // namespace daphnis::worker
