#pragma once

#include <list>

namespace daphnis::worker {

class ClientSession;

/// Clients whose place may be taken when there is none left, since they ask for nothing or may have
/// gone: the one that has been so longest comes first. Owned by the Worker; must outlive its
/// places.
class IdleClients {
 public:
  /// One client's place among them, while it is there. Owned by that client.
  class Place {
   public:
    Place(IdleClients& idle, ClientSession& client) : idle_(idle), self_{&client} {}
    ~Place() { leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    /// It is one of them from now on.
    void enter() {
      if (!self_.empty()) idle_.clients_.splice(idle_.clients_.end(), self_);
    }
    void leave() {
      if (self_.empty()) self_.splice(self_.end(), idle_.clients_, at_);
    }

   private:
    IdleClients& idle_;
    std::list<ClientSession*> self_;  ///< Its node, while it is not there: nothing is allocated.
    const std::list<ClientSession*>::iterator at_ = self_.begin();
  };

  /// Null: there is none.
  [[nodiscard]] ClientSession* longest() const {
    return clients_.empty() ? nullptr : clients_.front();
  }

 private:
  std::list<ClientSession*> clients_;
};

}  // namespace daphnis::worker
