#include "tests/sim/edge/l2_node.h"

#include <algorithm>
#include <utility>

#include "common/http/http_writer.h"

namespace daphnis::sim {
namespace {

constexpr uint64_t kSilentMs = 20'000;
constexpr uint64_t kLateMsMax = 4'000;

std::optional<uint64_t> retry_after_of(const http::Head& head) {
  const std::string* text = head.find("Retry-After");
  return text ? l2::parse_retry_after_ms(*text) : std::nullopt;
}

}  // namespace

L2Node::L2Node(Scene& scene, const Traits& traits, Dial dial)
    : scene_(scene),
      traits_(traits),
      dial_(std::move(dial)),
      session_(traits.settings, [this] { return scene_.chance.bits(); }),
      clock_(scene.clock,
             [this] {
               session_.on_time(scene_.clock.now_ms());
               after_input();
             }),
      sweep_(scene.clock, [this] { over_.clear(); }),
      held_due_(scene.clock, [this] { on_held_due(); }) {
  std::vector<Cid> roots;
  for (const size_t dag : traits_.dags) {
    store_.add_all(Content::instance().dags[dag].blocks);
    roots.push_back(Content::instance().dags[dag].root);
  }
  if (traits_.has_hole && store_.size() > 1) store_.remove_nth(scene.chance.below(store_.size()));
  session_.start(scene.clock.now_ms());
  session_.on_holdings(l2::make_holdings(std::move(roots)), scene.clock.now_ms());
  clock_.after(scene.chance.below(30));
}

L2Node::~L2Node() {
  const bool aborts = scene_.chance.one_in(2);
  for (const auto& link : links_) {
    if (aborts) link->abort();
  }
}

void L2Node::freeze() {
  is_frozen_ = true;
  clock_.stop();
  held_due_.stop();
  if (registration_) registration_->stream->stop_reading();
  if (holdings_) holdings_->stream->stop_reading();
  for (const auto& link : links_) link->freeze();
}

void L2Node::after_input() {
  if (is_frozen_ || std::exchange(is_carrying_out_, true)) return;
  for (auto commands = session_.take_commands(); !commands.empty();
       commands = session_.take_commands()) {
    for (l2::SessionCommand& command : commands) {
      std::visit([this](auto& known) { run(known); }, command);
    }
  }
  is_carrying_out_ = false;
  if (const auto wakes = session_.wakes_at_ms()) {
    clock_.at(*wakes);
  } else {
    clock_.stop();
  }
}

void L2Node::run(l2::OpenRegistration& command) {
  std::unique_ptr<Socket> socket = dial_(traits_.address);
  if (!socket) {
    session_.on_registration_lost("nobody is there", scene_.clock.now_ms());
    return;
  }
  registration_ = std::make_unique<Exchange>();
  registration_->stream = std::make_unique<Stream>(
      scene_, std::move(socket),
      Stream::Events{.on_bytes = [this](Bytes bytes) { on_registration_bytes(bytes); },
                     .on_end = [this](const std::string& why) { lose_registration(why); }});
  auto head = http::HeadWriter::request("GET", command.target);
  registration_->stream->write(head.add("Host", "l1.example").finish());
}

void L2Node::run(l2::CloseRegistration&) {
  registration_.reset();
}

void L2Node::lose_registration(const std::string& why) {
  registration_.reset();
  session_.on_registration_lost(why, scene_.clock.now_ms());
  after_input();
}

void L2Node::on_registration_bytes(Bytes bytes) {
  const uint64_t now_ms = scene_.clock.now_ms();
  while (registration_) {
    const http::Parser::Step step = registration_->parser.step(bytes);
    bytes = bytes.subspan(step.consumed);
    const http::Head& head = registration_->parser.head();
    switch (step.event) {
      case http::Parser::Event::kNeedMore:
        return;
      case http::Parser::Event::kHead:
        if (head.status >= 400 && head.status < 500) {
          scene_.fail("a registration was answered 4xx, which means never to come back");
        }
        session_.on_registration_head(head.status, retry_after_of(head), now_ms);
        break;
      case http::Parser::Event::kBody:
        session_.on_registration_bytes(step.body, now_ms);
        break;
      case http::Parser::Event::kEnd:
        return lose_registration("the L1 ended it");
      case http::Parser::Event::kRefused:
        return scene_.fail("a registration's answer is no HTTP");
    }
    after_input();
  }
}

void L2Node::run(l2::PostHoldings& command) {
  std::unique_ptr<Socket> socket = dial_(traits_.address);
  if (!socket) return session_.on_holdings_reply(0, std::nullopt, scene_.clock.now_ms());
  holdings_ = std::make_unique<Exchange>();
  holdings_->stream = std::make_unique<Stream>(
      scene_, std::move(socket),
      Stream::Events{.on_bytes = [this](Bytes bytes) { on_holdings_bytes(bytes); },
                     .on_end = [this](const std::string&) { end_holdings(0); }});
  auto head = http::HeadWriter::request("POST", command.target);
  head.add("Host", "l1.example").add("Content-Length", uint64_t{command.body.size()});
  holdings_->stream->write(head.finish() + command.body);
}

void L2Node::run(l2::DropHoldings&) {
  holdings_.reset();
}

void L2Node::on_holdings_bytes(Bytes bytes) {
  while (holdings_) {
    const http::Parser::Step step = holdings_->parser.step(bytes);
    bytes = bytes.subspan(step.consumed);
    if (step.event == http::Parser::Event::kNeedMore) return;
    if (step.event == http::Parser::Event::kRefused) {
      return scene_.fail("an answer to holdings is no HTTP");
    }
    if (step.event == http::Parser::Event::kEnd) end_holdings(holdings_->parser.head().status);
  }
}

void L2Node::end_holdings(int status) {
  holdings_.reset();
  session_.on_holdings_reply(status, std::nullopt, scene_.clock.now_ms());
  after_input();
}

Mood L2Node::choose_mood() {
  if (traits_.is_steady || !scene_.chance.one_in(scene_.weather.mood_one_in)) return Mood::kHonest;
  return static_cast<Mood>(scene_.chance.between(1, static_cast<uint64_t>(kMoodLast)));
}

void L2Node::run(l2::StartUpload& command) {
  const l2::Order& order = command.order;
  const Mood mood = choose_mood();
  ++scene_.tally.moods[static_cast<size_t>(mood)];
  scene_.trace("{} answers {} in mood {}", traits_.settings.l2_id, text_of(order.request_id),
               static_cast<int>(mood));
  if (mood != Mood::kSilent && mood != Mood::kLate) return deliver(order, mood);
  const bool delivers = mood == Mood::kLate;
  const uint64_t wait_ms = delivers ? scene_.chance.between(100, kLateMsMax) : kSilentMs;
  held_[order.request_id] = {order, scene_.clock.now_ms() + wait_ms, delivers};
  held_due_.after(0);
}

void L2Node::on_held_due() {
  const uint64_t now_ms = scene_.clock.now_ms();
  std::vector<Held> due;
  uint64_t next_ms = UINT64_MAX;
  for (const auto& [id, held] : held_) {
    if (held.until_ms <= now_ms) {
      due.push_back(held);
    } else {
      next_ms = std::min(next_ms, held.until_ms);
    }
  }
  if (next_ms != UINT64_MAX) held_due_.at(next_ms);
  for (const Held& held : due) {
    held_.erase(held.order.request_id);
    if (held.delivers) {
      deliver(held.order, Mood::kHonest);
    } else {
      on_upload_done(held.order.request_id, 0);
    }
  }
}

void L2Node::deliver(const l2::Order& order, Mood mood) {
  const Skill skill{.generation = traits_.settings.generation, .skips = traits_.skips};
  UploadPlan plan = plan_upload(scene_, order, skill, mood, store_);
  if (plan.skips) ++scene_.tally.skips;
  send({.id = order.request_id, .plan = std::move(plan)});
  if (mood != Mood::kTwice) return;
  Uuid other = order.request_id;
  other[0] ^= 0xff;  // Another id, since the session must hear of an upload's end only once.
  doubled_.insert(other);
  send({.id = other, .plan = plan_upload(scene_, order, skill, Mood::kHonest, store_)});
}

void L2Node::run(l2::CancelUpload& command) {
  // The reply ends an upload that has begun.
  const auto found = held_.find(command.request_id);
  if (found == held_.end() || scene_.chance.one_in(3)) return;
  ++scene_.tally.cancels_acknowledged;
  const l2::Order order = std::move(found->second.order);
  held_.erase(found);
  send({.id = order.request_id, .plan = plan_acknowledgement(scene_, order)});
}

void L2Node::run(l2::AcknowledgeCancel& command) {
  send({.id = command.order.request_id, .plan = plan_acknowledgement(scene_, command.order)});
}

void L2Node::run(l2::WriteLog& command) {
  scene_.trace("{}: {}", traits_.settings.l2_id, command.line.text());
}

void L2Node::send(Upload upload) {
  for (const auto& link : links_) {
    // A delivery behind one for a slow client may come too late.
    const bool may_pipeline = link->may_pipeline() && !traits_.is_steady;
    const bool takes =
        link->is_idle() || (may_pipeline && scene_.chance.one_in(scene_.weather.pipelined_one_in));
    if (!takes || upload.tries > 0) continue;
    if (!link->is_idle()) ++scene_.tally.pipelined;
    return link->add(std::move(upload));
  }
  std::unique_ptr<Socket> socket = dial_(traits_.address);
  if (!socket) return on_upload_done(upload.id, 0);
  auto& link = links_.emplace_back(std::make_unique<UploadLink>(
      scene_, std::move(socket),
      UploadLink::Events{
          .on_done = [this](const Uuid& id, int status) { on_upload_done(id, status); },
          .on_again = [this](Upload again) { send(std::move(again)); },
          .on_over = [this](UploadLink& ended) { on_link_over(ended); }}));
  link->add(std::move(upload));
}

void L2Node::on_upload_done(const Uuid& id, int status) {
  scene_.trace("{}: {} was answered {}", traits_.settings.l2_id, text_of(id), status);
  scene_.note(static_cast<uint64_t>(status));
  if (doubled_.erase(id) > 0) return;
  session_.on_upload_done(id, scene_.clock.now_ms());
  after_input();
}

void L2Node::on_link_over(UploadLink& link) {
  const auto found =
      std::ranges::find_if(links_, [&](const auto& one) { return one.get() == &link; });
  over_.splice(over_.end(), links_, found);
  sweep_.after(0);
}

void L2Node::close_idle() {
  std::erase_if(links_, [](const auto& link) { return link->is_idle(); });
}

void L2Node::check_quiet() {
  if (!is_registered()) scene_.fail(traits_.settings.l2_id + " did not come back");
  if (session_.uploads() != 0) scene_.fail(traits_.settings.l2_id + " still has orders");
  if (!links_.empty()) scene_.fail(traits_.settings.l2_id + " is left blocked in an answer");
  if (holdings_) scene_.fail(traits_.settings.l2_id + " still tells its holdings");
}

}  // namespace daphnis::sim
