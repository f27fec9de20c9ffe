// A bigWig put together by hand, byte by byte, so that a test can have blocks of every kind, without compression, and lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cheri::testing {

/// Numbers as little-endian bytes.
class Bytes {
 public:
  template <class... Values>
  Bytes& add(Values... values) {
    (add_one(values), ...);
    return *this;
  }
  Bytes& text(std::string text, std::size_t width) {
    text.resize(width, '\0');
    bytes.insert(bytes.end(), text.begin(), text.end());
    return *this;
  }
  Bytes& append(const Bytes& other) {
    bytes.insert(bytes.end(), other.bytes.begin(), other.bytes.end());
    return *this;
  }

  std::vector<char> bytes;

 private:
  template <class T>
  void add_one(T value) {
    const auto* begin = reinterpret_cast<const char*>(&value);
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes.push_back(begin[i]);
  }
};

struct SmallBigWig {
  struct Chromosome {
    std::string name;
    std::uint32_t id, length;
  };
  struct Block {
    std::uint32_t id, start, end;
    Bytes data;
  };

  std::vector<Chromosome> chromosomes = {{"chrI", 0, 1000}};
  std::vector<Block> blocks;
  std::uint64_t chromosomes_said = 1, blocks_said = 0;   ///< what the headers of the two trees say
  bool index_is_cyclic = false;                          ///< its root is an inner node whose child is the root

  enum Kind : std::uint8_t { bed_graph = 1, variable_step = 2, fixed_step = 3 };

  /// Adds a block of a chromosome; `items` holds its items' bytes, `n` of them.
  SmallBigWig& block(std::uint32_t id, std::uint32_t start, std::uint32_t end, std::uint32_t step, std::uint32_t span,
                     std::uint8_t kind, std::uint16_t n, const Bytes& items) {
    Bytes data;
    data.add(id, start, end, step, span, kind, std::uint8_t{0}, n).append(items);
    blocks.push_back({id, start, end, data});
    ++blocks_said;
    return *this;
  }

  [[nodiscard]] std::vector<char> bytes() const {
    constexpr std::uint64_t header_bytes = 64, name_bytes = 8;
    Bytes tree, data, index;
    tree.add(std::uint32_t{0x78CA8C91}, std::uint32_t{256}, static_cast<std::uint32_t>(name_bytes), std::uint32_t{8});
    tree.add(chromosomes_said, std::uint64_t{0}, std::uint8_t{1}, std::uint8_t{0},
             static_cast<std::uint16_t>(chromosomes.size()));
    for (const Chromosome& c : chromosomes) tree.text(c.name, name_bytes).add(c.id, c.length);

    const std::uint64_t data_offset = header_bytes + tree.bytes.size();
    data.add(static_cast<std::uint64_t>(blocks.size()));
    Bytes leaves;
    for (const Block& b : blocks) {
      leaves.add(b.id, b.start, b.id, b.end, data_offset + data.bytes.size(),
                 static_cast<std::uint64_t>(b.data.bytes.size()));
      data.append(b.data);
    }
    const std::uint64_t index_offset = data_offset + data.bytes.size();
    index.add(std::uint32_t{0x2468ACE0}, std::uint32_t{256}, blocks_said, 0U, 0U, 0U, 0U, index_offset, 1024U, 0U);
    if (index_is_cyclic) {
      index.add(std::uint8_t{0}, std::uint8_t{0}, std::uint16_t{2});
      for (int i = 0; i < 2; ++i) index.add(0U, 0U, 0U, 1000U, index_offset + 48);
    } else {
      index.add(std::uint8_t{1}, std::uint8_t{0}, static_cast<std::uint16_t>(blocks.size())).append(leaves);
    }

    Bytes file;
    file.add(std::uint32_t{0x888FFC26}, std::uint16_t{4}, std::uint16_t{0}, header_bytes, data_offset, index_offset);
    file.add(std::uint16_t{0}, std::uint16_t{0}, std::uint64_t{0}, std::uint64_t{0}, std::uint32_t{0}, std::uint64_t{0});
    return file.append(tree).append(data).append(index).bytes;
  }
};

}   // namespace cheri::testing
