// "Did you mean ...": the known word nearest to one that is not known.
#pragma once

#include <string>
#include <vector>

namespace cheri {

/// The word with the smallest Levenshtein distance (the first of equals); empty if there is no candidate.
std::string nearest_word(const std::string& word, const std::vector<std::string>& known);

/// "a, b and c".
std::string join_words(const std::vector<std::string>& words);

}   // namespace cheri
