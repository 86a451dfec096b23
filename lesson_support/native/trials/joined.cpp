// As race.cpp, but each thread counts in a variable of its own.
#include <cstdio>
#include <thread>
#include <vector>

long positive(const std::vector<float>& x) {
  long hits[2] = {};
  auto count = [&](size_t from, size_t to, long& into) {
    long found = 0;
    for (size_t i = from; i < to; ++i) {
      if (x[i] > 0) ++found;
    }
    into = found;
  };
  std::thread front(count, 0, x.size() / 2, std::ref(hits[0]));
  std::thread back(count, x.size() / 2, x.size(), std::ref(hits[1]));
  front.join(), back.join();
  return hits[0] + hits[1];
}

// Prints how many totals, of one, are wrong.
int main() {
  std::printf("%d\n", positive(std::vector<float>(1 << 20, 1.0f)) != 1 << 20);
}
