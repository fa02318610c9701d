// SPDX-License-Identifier: MIT
// The text form of adversaries and their table.

#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <set>
#include <string>

#include "support/catch.hpp"

namespace {

using byzccl::Attack;

std::string message_of(const std::string& text) {
  try {
    Attack::parse(text);
  } catch (const byzccl::InvalidArgument& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Text of attacks, both ways") {
  for (const char* text : {"none",
                           "sign_flip",
                           "sign_flip(scale=10)",
                           "alie(z=1.5)",
                           "ipm(scale=-2)",
                           "gaussian(sigma=0.1)",
                           "constant(value=1e+30)",
                           "nan",
                           "inf",
                           "spike(value=1e+30,target=7)",
                           "spike(target=7)",
                           "mimic(target=2)",
                           "min_max",
                           "min_max(perturbation=unit)",
                           "min_sum(perturbation=sign)",
                           "uniform(scale=0.5,seed=3)",
                           "stale(age=3)",
                           "drift(rate=-0.5)",
                           "bit_flip",
                           "bit_flip(bit=30,count=32,seed=9)",
                           "optimal_alie",
                           "optimal_ipm",
                           "fang_krum",
                           "fang_trim(scale=3,seed=2)",
                           "dissensus(scale=1.5)",
                           "equivocate(scale=3)",
                           "tamper"}) {
    CHECK(to_text(Attack::parse(text)) == text);
    CHECK(Attack::parse(to_text(Attack::parse(text))) == Attack::parse(text));
  }
  CHECK(to_text(Attack::parse(" spike ( target = 7 , value = 1.50 ) ")) ==
        "spike(value=1.5,target=7)");
  for (const char* text : {"",
                           "allie",
                           "alie(",
                           "alie(z)",
                           "alie(z=)",
                           "alie(z=nan)",
                           "alie(z=inf)",
                           "alie(z=1e999)",
                           "alie(z=1,z=2)",
                           "alie(scale=1)",
                           "alie(z=1))",
                           "alie z=1",
                           "mimic(target=1.5)",
                           "mimic(target=-1)",
                           "mimic(target=99999999999999999999)",
                           "gaussian(sigma=-1)",
                           "nan(z=1)",
                           "alie(z=1,)",
                           "alie(,)",
                           "Alie",
                           "alie()x",
                           "min_max(perturbation=)",
                           "min_max(perturbation=1)",
                           "min_max(perturbation=mean)",
                           "min_max(unit)",
                           "bit_flip(bit=-1)",
                           "bit_flip(count=0)",
                           "bit_flip(seed=0.5)",
                           "stale(age=-1)",
                           "optimal_alie(z=1)",
                           "fang_trim(scale=0.9)",
                           "drift(rate=fast)"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Attack::parse(text), byzccl::InvalidArgument);
  }
}

TEST_CASE("A mistake in a text is answered with what is known") {
  CHECK(message_of(std::string(401, 'a')) ==
        "the text of an attack has at most 400 characters, got 401");
  CHECK(has(message_of("bitflip"), "known are none, sign_flip"));
  CHECK(has(message_of("min_max(perturbation=mean)"), "expected unit, std or sign at position 21"));
  CHECK(has(message_of("min_max(gamma=1)"), "it has perturbation"));
  CHECK(has(message_of("bit_flip(count=0)"), "bit_flip needs count >= 1, got count = 0"));
  CHECK(has(message_of("gaussian(sigma=-1)"), "gaussian needs sigma >= 0, got sigma = -1"));
}

TEST_CASE("The table lists every attack once, with what holds where a parameter is left out") {
  const auto table = byzccl::attack_table();
  CHECK(table.size() == 23);
  std::set<std::string> names;
  for (const byzccl::AttackInfo& info : table) {
    CAPTURE(std::string(info.name));
    CHECK(names.emplace(info.name).second);
    CHECK(Attack::parse(info.name).kind == info.kind);
    CHECK(!info.description.empty());
    CHECK(info.on_messages == (info.name == "equivocate" || info.name == "tamper"));
    CHECK(info.asks_rule == info.name.starts_with("optimal_"));
    for (const byzccl::AttackParameter& parameter : info.parameters) {
      if (parameter.fallback.starts_with('<')) continue;  // in words
      const std::string text = std::string(info.name) + "(" + std::string(parameter.name) + "=" +
                               parameter.fallback + ")";
      CHECK(to_text(Attack::parse(text)) == text);
    }
  }
  CHECK(table[4].name == "min_max");
  CHECK(table[4].parameters[0].fallback == "std");
  CHECK(table[3].parameters[0].fallback == "<from n and f>");
}
