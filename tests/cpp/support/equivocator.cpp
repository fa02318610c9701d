// SPDX-License-Identifier: MIT
#include "support/equivocator.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>

namespace byzccl::test {

using collective::Header;

void follow(const Script& script, Transport& end) {
  const Deadline deadline = Clock::now() + std::chrono::seconds(30);
  const int n = end.size();
  std::vector<Header> got(static_cast<std::size_t>(n));
  for (int peer = 0; peer < n; ++peer) {
    if (peer == end.rank()) continue;
    end.recv(peer, &got[static_cast<std::size_t>(peer)], sizeof(Header), Channel::kHeaders)
        ->wait(deadline);
    if (peer != 0) continue;
    for (int to = 0; to < n; ++to) {  // by now, for another liar may wait for it
      if (to == end.rank()) continue;
      Header mine = got[0];
      mine.rank = end.rank();
      script.header(to, mine);
      end.send(to, &mine, sizeof mine, Channel::kHeaders);
    }
  }
  for (int to = 0; to < n; ++to) {
    if (to == end.rank()) continue;
    std::vector<Header> account = got;
    Header& mine = account[static_cast<std::size_t>(end.rank())];
    mine = got[0];
    mine.rank = end.rank();
    script.header(to, mine);
    script.account(to, account);
    Bytes echo(got.size());
    for (std::size_t r = 0; r < echo.size(); ++r) {
      Header same = mine;
      same.rank = static_cast<int>(r);
      echo[r] = std::byte{std::memcmp(&same, &account[r], sizeof same) != 0};
    }
    script.echo(to, echo);
    end.send(to, echo.data(), echo.size(), Channel::kEchoes);
    const bool differs = std::find(echo.begin(), echo.end(), std::byte{1}) != echo.end();
    if (differs && script.sends_account) {
      end.send(to, account.data(), sizeof(Header) * account.size(), Channel::kAccounts);
    }
  }
  const Bytes x = constant_vector(end.rank(), kScriptColumns, DType::kFloat32);
  end.send(0, x.data(), x.size());
}

}  // namespace byzccl::test
