// Masks of zoneout: zeros and ones at a rate. Element i is one where the (i mod 4)th 16 bits of the (i / 4)th number of
// SplitMix64 (Steele, Lea, Flood 2014) are below `limit`, both signed. A number follows from its place alone, so that
// threads make what they like of it; elman/models/zoneout.py has the same formula in torch.
#pragma once
#include "elman_native.h"
#include "vectors.h"

namespace ELMAN_SET {

constexpr long MASK_BLOCK = 256;  // elements at once: their numbers stay in registers and the nearest cache

template <class T>
void mask(const elman_mask& call, long first, long last) {
  alignas(64) uint64_t number[MASK_BLOCK / 4];
  int16_t part[MASK_BLOCK];
  T* const to = static_cast<T*>(call.mask);
  for (long from = first; from < last; from += MASK_BLOCK) {
    const uint64_t place = uint64_t(from / 4);
    for (long i = 0; i < MASK_BLOCK / 4; i++) {
      uint64_t z = uint64_t(call.seed) + (place + uint64_t(i) + 1) * 0x9e3779b97f4a7c15u;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      number[i] = z ^ (z >> 31);
    }
    memcpy(part, number, sizeof part);
    const auto limit = int16_t(call.limit);
    if (last - from >= MASK_BLOCK)  // a count known to the compiler, which makes vectors of it
      for (long i = 0; i < MASK_BLOCK; i++) to[from + i] = part[i] < limit;
    else
      for (long i = 0; i < last - from; i++) to[from + i] = part[i] < limit;
  }
}

}  // namespace ELMAN_SET
