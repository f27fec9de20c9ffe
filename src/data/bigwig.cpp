#include "data/bigwig.hpp"

#include "cheri/base/check.hpp"
#include "data/parallel_for.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>
#include <tuple>
#include <unordered_map>

#include <unistd.h>
#include <zlib.h>

namespace cheri::data {

namespace {

static_assert(std::endian::native == std::endian::little, "bigWig files are read as little-endian");

constexpr std::uint32_t bigwig_magic = 0x888FFC26, bigwig_magic_swapped = 0x26FC8F88, bigbed_magic = 0x8789F2EB;
constexpr std::uint32_t chromosome_tree_magic = 0x78CA8C91, index_magic = 0x2468ACE0;
constexpr std::size_t header_bytes = 64, tree_header_bytes = 32, index_header_bytes = 48, node_header_bytes = 4;
constexpr std::size_t index_leaf_item_bytes = 32, index_inner_item_bytes = 24, block_header_bytes = 24;
/// A block counts its items with 16 bits, and the largest item (start, end, value) has 12 bytes.
constexpr std::size_t largest_block_bytes = block_header_bytes + 65535 * 12;
constexpr std::uint32_t longest_name = 4096;

/// Numbers from bytes in memory, one after the other. The caller has sized the span to what it takes.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : m_rest(bytes) {}

  template <class T>
  T take() {
    T value;
    std::memcpy(&value, advance(sizeof(T)).data(), sizeof(T));
    return value;
  }

  std::span<const std::byte> advance(std::size_t n) {
    CHERI_REQUIRE(n <= m_rest.size(), "takes " << n << " bytes of " << m_rest.size());
    const auto taken = m_rest.first(n);
    m_rest = m_rest.subspan(n);
    return taken;
  }

  /// Text in a field of n bytes, padded with zeros.
  std::string text(std::size_t n) {
    const auto field = advance(n);
    const auto* begin = reinterpret_cast<const char*>(field.data());
    return {begin, strnlen(begin, n)};
  }

 private:
  std::span<const std::byte> m_rest;
};

}   // namespace

// ---- the file and its trees --------------------------------------------------------------------------------------------

BigWigFile::BigWigFile(const std::string& path) : m_path(path) {
  CHERI_REQUIRE_INPUT(std::filesystem::is_regular_file(path) || !std::filesystem::exists(path), path << " is no file");
  m_file.reset(std::fopen(path.c_str(), "rb"));
  CHERI_REQUIRE_INPUT(m_file, "cannot read " << path << ": " << std::strerror(errno));
  m_bytes = std::filesystem::file_size(path);

  std::vector<std::byte> bytes;
  read(0, std::min<std::uint64_t>(m_bytes, header_bytes), "header", bytes);
  bytes.resize(header_bytes);
  Cursor header(bytes);
  const auto magic = header.take<std::uint32_t>();
  CHERI_REQUIRE_INPUT(magic != bigbed_magic, path << " is a bigBed; a signal is a bigWig");
  CHERI_REQUIRE_INPUT(magic != bigwig_magic_swapped, path << " is a bigWig from a big-endian machine, which is not read");
  CHERI_REQUIRE_INPUT(magic == bigwig_magic, path << " is no bigWig: it does not begin with a bigWig's first four bytes");
  CHERI_REQUIRE_INPUT(m_bytes >= header_bytes, path << " is truncated: it ends within its header");
  header.advance(4);   // version, number of zoom levels
  const auto chromosome_tree = header.take<std::uint64_t>();
  header.advance(8);   // begin of the data
  const auto index = header.take<std::uint64_t>();
  header.advance(20);   // fields of a bigBed, summary
  m_compressed = header.take<std::uint32_t>() > 0;

  read_chromosomes(chromosome_tree);
  read_index(index);
  for (std::size_t c = 0; c < m_chromosomes.size(); ++c) sort_blocks(c);
}

void BigWigFile::fail_damaged(const std::string& what) const { throw InputError(m_path + " is damaged: " + what); }

void BigWigFile::read(std::uint64_t offset, std::uint64_t bytes, const char* what, std::vector<std::byte>& out) const {
  CHERI_REQUIRE_INPUT(offset <= m_bytes && bytes <= m_bytes - offset,
                      m_path << " is truncated or damaged: its " << what << " (" << bytes << " bytes at " << offset
                             << ") does not lie within its " << m_bytes << " bytes");
  out.resize(bytes);
  for (std::uint64_t done = 0; done < bytes;) {
    const ssize_t n = pread(fileno(m_file.get()), out.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_by_system("cannot read " + m_path);
    CHERI_REQUIRE_INPUT(n > 0, m_path << " became shorter while it was read");
    done += static_cast<std::uint64_t>(n);
  }
}

bool BigWigFile::has_end() const {
  std::vector<std::byte> last;
  read(m_bytes - sizeof bigwig_magic, sizeof bigwig_magic, "end", last);
  return Cursor(last).take<std::uint32_t>() == bigwig_magic;
}

/// Calls take_item(cursor) for each item of each leaf. Both trees of the format are alike: a node has a leaf flag, a count
/// and items; an item that is no leaf ends with its child's offset. A damaged tree may have cycles: there are never more
/// nodes than twice the items that its header promises (an inner node has two children or more, save in small trees).
template <class TakeItem>
void BigWigFile::walk_tree(std::uint64_t root, std::uint64_t n_items, std::size_t leaf_item_bytes,
                           std::size_t inner_item_bytes, const char* what, const TakeItem& take_item) const {
  const std::uint64_t most_nodes = 2 * n_items + 64;
  std::vector<std::uint64_t> open{root};
  std::uint64_t nodes_seen = 1, items_seen = 0;
  std::vector<std::byte> bytes;
  while (!open.empty()) {
    const std::uint64_t offset = open.back();
    open.pop_back();
    read(offset, node_header_bytes, what, bytes);
    Cursor node(bytes);
    const bool leaf = node.take<std::uint8_t>() != 0;
    node.advance(1);
    const auto count = node.take<std::uint16_t>();
    read(offset + node_header_bytes, std::uint64_t{count} * (leaf ? leaf_item_bytes : inner_item_bytes), what, bytes);
    (leaf ? items_seen : nodes_seen) += count;
    if (items_seen > n_items || nodes_seen > most_nodes)
      fail_damaged(std::string("its ") + what + " has more items than it says");
    Cursor items(bytes);
    for (int i = 0; i < count; ++i) {
      if (leaf) take_item(items);
      else {
        items.advance(inner_item_bytes - sizeof(std::uint64_t));
        open.push_back(items.take<std::uint64_t>());
      }
    }
  }
  if (items_seen != n_items) {
    fail_damaged(std::string("its ") + what + " has " + std::to_string(items_seen) + " items and says " +
                 std::to_string(n_items));
  }
}

void BigWigFile::read_chromosomes(std::uint64_t offset) {
  std::vector<std::byte> bytes;
  read(offset, tree_header_bytes, "list of chromosomes", bytes);
  Cursor header(bytes);
  if (header.take<std::uint32_t>() != chromosome_tree_magic)
    fail_damaged("its list of chromosomes is not where its header says");
  header.advance(4);   // items a node
  const auto name_bytes = header.take<std::uint32_t>();
  const auto value_bytes = header.take<std::uint32_t>();
  const auto n_chromosomes = header.take<std::uint64_t>();
  if (name_bytes == 0 || name_bytes > longest_name || value_bytes != 8 || n_chromosomes > m_bytes) {
    fail_damaged("the head of its list of chromosomes makes no sense");
  }
  std::set<std::string> names;
  std::set<std::uint32_t> ids;
  walk_tree(offset + tree_header_bytes, n_chromosomes, name_bytes + 8, name_bytes + 8, "list of chromosomes",
            [&](Cursor& item) {
              const std::string name = item.text(name_bytes);
              const auto id = item.take<std::uint32_t>();
              const auto length = item.take<std::uint32_t>();
              if (name.empty() || !names.insert(name).second)
                fail_damaged("it lists chromosome \"" + name + "\" twice or without a name");
              if (!ids.insert(id).second) fail_damaged("two of its chromosomes have the number " + std::to_string(id));
              m_chromosomes.push_back({name, length});
              m_ids.push_back(id);
            });
}

void BigWigFile::read_index(std::uint64_t offset) {
  std::vector<std::byte> bytes;
  read(offset, index_header_bytes, "index", bytes);
  Cursor header(bytes);
  if (header.take<std::uint32_t>() != index_magic) fail_damaged("its index is not where its header says");
  header.advance(4);   // items a node
  const auto n_blocks = header.take<std::uint64_t>();
  if (n_blocks > m_bytes / index_leaf_item_bytes) fail_damaged("its index says " + std::to_string(n_blocks) + " blocks");

  std::unordered_map<std::uint32_t, std::size_t> chromosome_of_id;
  for (const std::uint32_t id : m_ids) chromosome_of_id.emplace(id, chromosome_of_id.size());
  m_blocks.resize(m_chromosomes.size());
  walk_tree(offset + index_header_bytes, n_blocks, index_leaf_item_bytes, index_inner_item_bytes, "index",
            [&](Cursor& item) {
              const auto first_id = item.take<std::uint32_t>(), start = item.take<std::uint32_t>();
              const auto last_id = item.take<std::uint32_t>(), end = item.take<std::uint32_t>();
              const auto block_offset = item.take<std::uint64_t>(), block_bytes = item.take<std::uint64_t>();
              const auto found = chromosome_of_id.find(first_id);
              if (found == chromosome_of_id.end() || last_id != first_id)
                fail_damaged("its index has a block of no chromosome");
              m_blocks[found->second].push_back({start, end, block_offset, block_bytes});
            });
}

/// libBigWig, and so pyBigWig, repeats a block's bounds over a block without items when it goes from one kind of block to
/// another; such a one is left out. Any other overlap is damage.
void BigWigFile::sort_blocks(std::size_t chromosome) {
  auto& blocks = m_blocks[chromosome];
  std::sort(blocks.begin(), blocks.end(),
            [](const Block& a, const Block& b) { return std::tie(a.start, a.offset) < std::tie(b.start, b.offset); });
  std::vector<Block> disjoint;
  for (const Block& block : blocks) {
    if (block.end <= block.start || block.end > m_chromosomes[chromosome].length) {
      fail_block(chromosome, block, "are empty, or reach beyond the chromosome");
    }
    if (disjoint.empty() || disjoint.back().end <= block.start) disjoint.push_back(block);
    else if (!has_items(chromosome, disjoint.back())) disjoint.back() = block;
    else if (has_items(chromosome, block)) fail_block(chromosome, block, "overlap those before them");
  }
  blocks = std::move(disjoint);
}

// ---- blocks ------------------------------------------------------------------------------------------------------------

void BigWigFile::fail_block(std::size_t chromosome, const Block& block, const char* what) const {
  fail_damaged("the data of [" + std::to_string(block.start) + ", " + std::to_string(block.end) + ") of " +
               m_chromosomes[chromosome].name + " (" + std::to_string(block.bytes) + " bytes at " +
               std::to_string(block.offset) + ") " + what);
}

/// The bytes of a block, its header at least; in the buffers.
std::span<const std::byte> BigWigFile::unpack(std::size_t chromosome, const Block& block, Buffers& buffers) const {
  if (block.bytes > compressBound(largest_block_bytes)) fail_block(chromosome, block, "are longer than any block");
  read(block.offset, block.bytes, "data", buffers.packed);
  std::span<const std::byte> bytes = buffers.packed;
  if (m_compressed) {
    buffers.unpacked.resize(largest_block_bytes);
    uLongf n = largest_block_bytes;
    const int status = uncompress(reinterpret_cast<Bytef*>(buffers.unpacked.data()), &n,
                                  reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uLong>(bytes.size()));
    if (status != Z_OK) fail_block(chromosome, block, "do not inflate to what was deflated");
    bytes = {buffers.unpacked.data(), n};
  }
  if (bytes.size() < block_header_bytes) fail_block(chromosome, block, "are shorter than a block's header");
  return bytes;
}

bool BigWigFile::has_items(std::size_t chromosome, const Block& block) const {
  Buffers buffers;
  Cursor header(unpack(chromosome, block, buffers));
  header.advance(block_header_bytes - sizeof(std::uint16_t));
  return header.take<std::uint16_t>() > 0;
}

/// Decodes blocks of one chromosome into its values; one a thread.
class BigWigFile::Decoder {
 public:
  Decoder(const BigWigFile& file, std::size_t chromosome, std::vector<float>& values)
      : m_file(file), m_chromosome(chromosome), m_values(values) {}

  void decode(const Block& block);

 private:
  enum class Kind : std::uint8_t { bed_graph = 1, variable_step = 2, fixed_step = 3 };

  void put(const Block& block, std::uint64_t start, std::uint64_t end, float value);

  const BigWigFile& m_file;
  std::size_t m_chromosome;
  std::vector<float>& m_values;
  std::uint64_t m_position = 0;   ///< where the last item ended
  Buffers m_buffers;
};

void BigWigFile::Decoder::decode(const Block& block) {
  const auto fail = [&](const char* what) { m_file.fail_block(m_chromosome, block, what); };
  const auto bytes = m_file.unpack(m_chromosome, block, m_buffers);
  Cursor data(bytes);
  const auto id = data.take<std::uint32_t>();
  std::uint64_t start = data.take<std::uint32_t>();
  data.advance(4);   // end
  const auto step = data.take<std::uint32_t>(), span = data.take<std::uint32_t>();
  const auto kind = data.take<Kind>();
  data.advance(1);
  const auto count = data.take<std::uint16_t>();
  if (id != m_file.m_ids[m_chromosome]) fail("belong to another chromosome");
  if (kind < Kind::bed_graph || kind > Kind::fixed_step) fail("are of a kind that no bigWig has");
  const std::size_t item_bytes = kind == Kind::bed_graph ? 12 : kind == Kind::variable_step ? 8 : 4;
  if (bytes.size() != block_header_bytes + item_bytes * count) fail("are longer or shorter than they say");

  m_position = block.start;
  for (int i = 0; i < count; ++i) {
    if (kind != Kind::fixed_step) start = data.take<std::uint32_t>();
    const std::uint64_t end = kind == Kind::bed_graph ? data.take<std::uint32_t>() : start + span;
    put(block, start, end, data.take<float>());
    if (kind == Kind::fixed_step) start += step;
  }
}

void BigWigFile::Decoder::put(const Block& block, std::uint64_t start, std::uint64_t end, float value) {
  if (start < m_position || end <= start || end > block.end) {
    m_file.fail_block(m_chromosome, block, "have values that overlap, or lie outside of what the index says");
  }
  m_position = end;
  if (std::isnan(value)) return;
  CHERI_REQUIRE_INPUT(value >= 0 && std::isfinite(value), m_file.m_path << " has the value " << value << " at position "
                                                                        << start << " (counted from 0) of "
                                                                        << m_file.m_chromosomes[m_chromosome].name
                                                                        << "; a signal must be finite and not negative");
  if (value == 0) return;   // also -0
  std::fill(m_values.begin() + static_cast<std::ptrdiff_t>(start), m_values.begin() + static_cast<std::ptrdiff_t>(end),
            value);
}

std::vector<float> BigWigFile::values(int chromosome, int threads, std::vector<float> values) const {
  const auto c = static_cast<std::size_t>(chromosome);
  values.assign(static_cast<std::size_t>(m_chromosomes.at(c).length), 0.0F);
  const auto& blocks = m_blocks[c];
  const std::size_t n_pieces = std::min(blocks.size(), static_cast<std::size_t>(std::max(threads, 1)) * 8);
  parallel_for(threads, n_pieces, [&](std::size_t piece) {
    Decoder decoder(*this, c, values);
    const std::size_t end = blocks.size() * (piece + 1) / n_pieces;
    for (std::size_t b = blocks.size() * piece / n_pieces; b < end; ++b) decoder.decode(blocks[b]);
  });
  return values;
}

}   // namespace cheri::data
