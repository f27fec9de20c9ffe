// SHA-256 over what is fed, in order.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace cheri {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(const void* data, std::size_t bytes);
  void update(const std::string& text) { update(text.data(), text.size()); }

  /// 64 hexadecimal digits; ends the digest.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}   // namespace cheri
