#include <algorithm>

#include "broker/admin/admin.h"
#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {
namespace {

struct Reply {
  std::string status;
  std::string body;
};

/// A whole reply, as a client reads it.
Reply ask(CacheRig& rig, const std::string& method, const std::string& target,
          std::vector<http::Header> headers = {{"Host", "localhost"}},
          const std::string& body = "") {
  http::Head head;
  head.method = method;
  head.target = target;
  head.headers = std::move(headers);
  AdminReply reply = admin_reply(head, body, rig.broker, {}, rig.now_ms);
  rig.carry_out();
  while (reply.cursor != 0) reply.text += admin_more(rig.broker, reply.cursor);
  return {reply.text.substr(9, 3), reply.text.substr(reply.text.find("\r\n\r\n") + 4)};
}

void fill(CacheRig& rig, uint64_t entries) {
  FilesFound found;
  for (uint64_t n = 0; n < entries; ++n) {
    found.entries.push_back({.key = key_for(n), .root = cid_number(n), .size = 10 + n});
  }
  rig.folder(found);
}

}  // namespace

TEST_CASE("the operator lists what the cache holds", "[broker][cache][admin]") {
  CacheRig rig;
  CHECK(ask(rig, "GET", "/cache").body.empty());
  fill(rig, 2 * limits::kCacheListEntries + 5);
  const Reply reply = ask(rig, "GET", "/cache");
  CHECK(reply.status == "200");
  CHECK(static_cast<size_t>(std::ranges::count(reply.body, '\n')) ==
        2 * limits::kCacheListEntries + 5);
  CHECK(reply.body.find("\"root\":\"" + cid_number(4).text() + "\",\"size\":14,") !=
        std::string::npos);
  CHECK(ask(rig, "HEAD", "/cache").body.empty());
}

TEST_CASE("the operator purges by CID or all", "[broker][cache][admin]") {
  CacheRig rig;
  fill(rig, 10);
  CHECK(ask(rig, "POST", "/cache/purge?cid=" + cid_number(3).text()).body ==
        "{\"removed\":1,\"bytes\":13}\n");
  CHECK_FALSE(rig.holds(3));
  CHECK(ask(rig, "POST", "/cache/purge?cid=" + cid_number(3).text()).body ==
        "{\"removed\":0,\"bytes\":0}\n");
  CHECK(ask(rig, "POST", "/cache/purge").status == "400");
  CHECK(ask(rig, "POST", "/cache/purge?cid=nonsense").status == "400");
  CHECK(ask(rig, "POST", "/cache/purge?all=0").status == "400");
  CHECK(ask(rig, "GET", "/cache/purge?all=1").status == "404");
  CHECK(rig.index().entries() == 9);
  CHECK(ask(rig, "POST", "/cache/purge?all=1").body == "{\"removed\":9,\"bytes\":132}\n");
  CHECK(rig.index().entries() == 0);
  CHECK(rig.broker.counters().cache_purged == 10);
}

TEST_CASE("the operator changes the limit", "[broker][cache][admin]") {
  CacheRig rig;
  fill(rig, 10);
  CHECK(ask(rig, "POST", "/cache/limit?bytes=1K").body == "{\"limit\":1024,\"charged\":145}\n");
  CHECK(ask(rig, "POST", "/cache/limit?bytes=30").status == "200");
  CHECK(rig.index().held_bytes() <= 30);
  CHECK(ask(rig, "POST", "/cache/limit?bytes=-1").status == "400");
  CHECK(ask(rig, "POST", "/cache/limit").status == "400");
}

TEST_CASE("the operator warms by a list of CIDs", "[broker][cache][admin]") {
  CacheRig rig;
  fill(rig, 1);
  const WorkerId first = rig.connect_worker();
  const WorkerId second = rig.connect_worker();
  std::string list = cid_number(0).text() + "\r\nnonsense\n\n";
  for (uint64_t n = 100; n < 100 + limits::kWarmsPerSecond + 1; ++n) {
    list += cid_number(n).text() + "\n";
  }
  list.pop_back();
  CHECK(ask(rig, "POST", "/cache/warm", {{"Host", "localhost"}}, list).body ==
        "{\"accepted\":17,\"held\":1,\"refused\":1}\n");
  rig.broker.on_second(1'700'000'000, rig.now_ms);
  rig.carry_out();
  CHECK(rig.inbox<ipc::Warm>(first).size() == limits::kWarmsPerSecond / 2);
  CHECK(rig.inbox<ipc::Warm>(second).size() == limits::kWarmsPerSecond / 2);
  CHECK(rig.inbox<ipc::Warm>(first)[0].request.root == cid_number(100));
  rig.broker.on_second(1'700'000'001, rig.now_ms);
  rig.carry_out();
  CHECK(rig.inbox<ipc::Warm>(first).size() == limits::kWarmsPerSecond / 2 + 1);
}

TEST_CASE("web pages give the cache no commands", "[broker][cache][admin]") {
  CacheRig rig;
  fill(rig, 1);
  CHECK(ask(rig, "POST", "/cache/purge?all=1", {{"Host", "evil.example"}}).status == "403");
  CHECK(ask(rig, "POST", "/cache/purge?all=1",
            {{"Host", "localhost"}, {"Origin", "https://evil.example"}})
            .status == "403");
  CHECK(ask(rig, "GET", "/cache", {{"Host", "evil.example"}}).status == "403");
  CHECK(rig.index().entries() == 1);
}

TEST_CASE("an edge without a cache says so to its operator", "[broker][cache][admin]") {
  CacheRig rig(Settings{});
  CHECK(ask(rig, "POST", "/cache/purge?all=1").status == "404");
  CHECK(ask(rig, "GET", "/cache").body.empty());
}

}  // namespace daphnis::broker
