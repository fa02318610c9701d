// SPDX-License-Identifier: MIT
// Adversaries that model faults: noise, flipped bits, drift and stale vectors.

#include <bit>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/crafted.hpp"

namespace {

using byzccl::Adversary;
using byzccl::Attack;
using byzccl::AttackContext;
using byzccl::DType;
using byzccl::testing::honest_vectors;
using byzccl::testing::kContext;
using byzccl::testing::kTypes;
using byzccl::testing::Matrix;
using byzccl::testing::moments;
using byzccl::testing::Packed;
using byzccl::testing::quantise;
using byzccl::testing::sent;

using Bytes = std::vector<std::byte>;

Bytes bytes_sent(const std::string& attack, const Packed& honest, std::int64_t d, DType dtype,
                 const AttackContext& context = kContext) {
  Bytes out(static_cast<std::size_t>(d) * size_of(dtype));
  craft(Attack::parse(attack), honest.rows(), d, dtype, context, out.data());
  return out;
}

struct Flip {
  std::int64_t element;
  int bit;
  bool operator==(const Flip&) const = default;
};

// Every bit in which what is sent differs from the rank's honest vector (number 6 mod 5 = 1).
std::vector<Flip> flips(const std::string& attack, int d, DType dtype,
                        const AttackContext& context = kContext) {
  const Packed honest(honest_vectors(dtype, d), dtype);
  const Bytes out = bytes_sent(attack, honest, d, dtype, context);
  const auto* own = static_cast<const std::byte*>(honest.rows()[1]);
  const std::size_t size = size_of(dtype);
  std::vector<Flip> found;
  for (std::size_t at = 0; at < out.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      if (((out[at] ^ own[at]) >> bit & std::byte{1}) == std::byte{0}) continue;
      found.push_back(
          {static_cast<std::int64_t>(at / size), static_cast<int>(at % size) * 8 + bit});
    }
  }
  return found;
}

}  // namespace

TEST_CASE("Uniform vectors depend on rank, step, seed and column alone") {
  const Matrix x(1, std::vector<double>(20000));
  const auto draw = [&](const std::string& attack, const AttackContext& context) {
    return sent(attack, x, DType::kFloat64, context);
  };
  const auto first = draw("uniform(scale=3)", kContext);
  CHECK(first == draw("uniform(scale=3,seed=0)", kContext));
  const Matrix shorter(3, std::vector<double>(1500, 1.0));
  const auto part = sent("uniform(scale=3)", shorter, DType::kFloat64);
  CHECK(std::equal(part.begin(), part.end(), first.begin()));
  CHECK(first != draw("uniform(scale=3,seed=1)", kContext));
  CHECK(first != draw("uniform(scale=3)", {7, 2, 6, 6}));
  CHECK(first != draw("uniform(scale=3)", {7, 2, 5, 5}));

  double sum = 0;
  double squares = 0;
  double neighbours = 0;
  std::vector<int> bins(10);
  for (std::size_t c = 0; c < first.size(); ++c) {
    REQUIRE(first[c] >= -3);
    REQUIRE(first[c] < 3);
    sum += first[c];
    squares += first[c] * first[c];
    if (c > 0) neighbours += first[c] * first[c - 1];
    ++bins[static_cast<std::size_t>((first[c] + 3) / 0.6)];
  }
  const double count = static_cast<double>(first.size());
  CHECK(std::fabs(sum / count) < 0.062);  // 5 standard errors, as below
  CHECK(std::fabs(squares / count - 3) < 0.095);
  CHECK(std::fabs(neighbours / count) < 0.107);
  for (const int in_bin : bins) CHECK(std::abs(in_bin - 2000) < 213);
}

TEST_CASE("A flipped bit is one bit of one element, drawn from rank, step and seed") {
  for (const DType dtype : kTypes) {
    CAPTURE(to_text(dtype));
    std::set<std::int64_t> elements;
    std::set<int> bits;
    for (int step = 0; step < 200; ++step) {
      const auto found = flips("bit_flip", 101, dtype, {7, 2, step, 6});
      REQUIRE(found.size() == 1);
      elements.insert(found[0].element);
      bits.insert(found[0].bit);
    }
    CHECK(elements.size() > 70);  // of 101; 200 draws leave out 14 on average
    CHECK(bits.size() >= 8 * size_of(dtype) * 4 / 5);
    const int top = static_cast<int>(8 * size_of(dtype)) - 1;
    CHECK(flips("bit_flip(bit=" + std::to_string(top) + ")", 101, dtype)[0].bit == top);
    CHECK(flips("bit_flip", 101, dtype) == flips("bit_flip(seed=0)", 101, dtype));
    CHECK(flips("bit_flip", 101, dtype) != flips("bit_flip(seed=1)", 101, dtype));
    CHECK(flips("bit_flip", 1, dtype)[0].element == 0);
  }
}

TEST_CASE("The top bit is the sign, and bit 30 of a float32 is in the exponent") {
  const Matrix x{{1.5, 1.5, 1.5}};
  for (const double v : sent("bit_flip(bit=31,count=3)", x, DType::kFloat32)) CHECK(v == -1.5);
  for (const double v : sent("bit_flip(bit=15,count=3)", x, DType::kBFloat16)) CHECK(v == -1.5);
  const float huge = std::bit_cast<float>(std::bit_cast<std::uint32_t>(1.5f) ^ 1u << 30);
  for (const double v : sent("bit_flip(bit=30,count=3)", x, DType::kFloat32)) {
    CHECK(std::isnan(v) == std::isnan(huge));
  }
  const Matrix half{{0.5}};
  CHECK(sent("bit_flip(bit=30)", half, DType::kFloat32)[0] == 0x1p127);
}

TEST_CASE("The same bit flips in neighbours") {
  for (const DType dtype : kTypes) {
    for (const int d : {1, 31, 32, 33, 2500}) {
      CAPTURE(to_text(dtype), d);
      const auto found = flips("bit_flip(bit=3,count=32)", d, dtype);
      REQUIRE(static_cast<int>(found.size()) == std::min(32, d));
      for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(found[i].bit == 3);
        CHECK(found[i].element == found[0].element + static_cast<std::int64_t>(i));
      }
    }
  }
}

TEST_CASE("A drift begins as an honest rank and leaves it by rate sigma a step") {
  for (const DType dtype : kTypes) {
    CAPTURE(to_text(dtype));
    const Matrix x = honest_vectors(dtype);
    const auto m = moments(x);
    CHECK(sent("drift", x, dtype, {7, 2, 0, 6}) == x[1]);
    const auto usual = sent("drift", x, dtype);
    const auto fast = sent("drift(rate=-2)", x, dtype);
    for (std::size_t c = 0; c < x[0].size(); ++c) {
      REQUIRE(usual[c] == quantise(x[1][c] - 0.01 * 5 * m.deviation[c], dtype));
      REQUIRE(fast[c] == quantise(x[1][c] + 10 * m.deviation[c], dtype));
    }
  }
}

TEST_CASE("A stale rank sends what it had some steps ago") {
  for (const DType dtype : kTypes) {
    for (const int age : {0, 1, 3}) {
      CAPTURE(to_text(dtype), age);
      Adversary adversary(Attack::parse("stale(age=" + std::to_string(age) + ")"));
      for (int step = 0; step < 6; ++step) {
        Matrix x(5, std::vector<double>(3));
        for (int i = 0; i < 5; ++i) x[static_cast<std::size_t>(i)].assign(3, 10 * i + step);
        const Packed packed(x, dtype);
        Bytes out(3 * size_of(dtype));
        adversary.craft(packed.rows(), 3, dtype, {7, 2, step, 6}, out.data());
        const double want = 10 + std::max(0, step - age);
        CHECK(byzccl::testing::unpack(out, dtype) == std::vector<double>(3, want));
      }
    }
  }
}

TEST_CASE("A stale rank of any age sends its first vector until it is that old") {
  Adversary adversary(Attack::parse("stale(age=9223372036854775807)"));
  for (const float value : {1.0f, 2.0f, 3.0f}) {
    const void* const honest[] = {&value};
    float sent = 0;
    adversary.craft(honest, 1, DType::kFloat32, {.n = 1}, &sent);
    CHECK(sent == 1.0f);
  }
}

TEST_CASE("A stale rank whose vector changes its size begins anew") {
  Adversary adversary(Attack::parse("stale(age=4)"));
  const std::vector<float> one{1, 2};
  const std::vector<float> other{3, 4};
  std::vector<float> out(2);
  const auto craft = [&](const std::vector<float>& honest, std::int64_t d, DType dtype) {
    const std::vector<const void*> rows{honest.data()};
    adversary.craft(rows, d, dtype, {2, 1, 0, 1}, out.data());
    return out[0];
  };
  CHECK(craft(one, 2, DType::kFloat32) == 1);
  CHECK(craft(other, 2, DType::kFloat32) == 1);
  CHECK(craft(other, 1, DType::kFloat32) == 3);
  CHECK(craft(one, 2, DType::kBFloat16) == 1);  // as many bytes, another dtype
  CHECK(craft(one, 0, DType::kFloat32) == 1);   // nothing is written
}

TEST_CASE("Adversaries without a memory are craft()") {
  const Packed honest(honest_vectors(DType::kFloat32, 40), DType::kFloat32);
  for (const char* text : {"none", "alie(z=1)", "min_max", "bit_flip", "uniform", "drift"}) {
    CAPTURE(text);
    Adversary adversary(Attack::parse(text));
    CHECK(adversary.attack() == Attack::parse(text));
    Bytes out(160);
    adversary.craft(honest.rows(), 40, DType::kFloat32, kContext, out.data());
    CHECK(out == bytes_sent(text, honest, 40, DType::kFloat32));
  }
}

TEST_CASE("What cannot be crafted is refused") {
  const auto message = [](const std::string& attack, DType dtype) {
    try {
      sent(attack, {{1, 2}}, dtype);
    } catch (const byzccl::InvalidArgument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message("bit_flip(bit=16)", DType::kFloat16) ==
        "bit_flip needs bit < 16 in float16, got bit = 16");
  CHECK(message("bit_flip(bit=63)", DType::kFloat64).empty());
  CHECK(message("stale", DType::kFloat32).find("Adversary") != std::string::npos);
  CHECK(message("tamper", DType::kFloat32).find("acts on messages") != std::string::npos);
  CHECK_THROWS_AS(Adversary(Attack::parse("equivocate")), byzccl::InvalidArgument);
  CHECK_THROWS_AS(Adversary(Attack{.kind = byzccl::AttackKind::kStale, .age = -1}),
                  byzccl::InvalidArgument);
}
