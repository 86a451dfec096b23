// Two threads count the positive numbers of a tensor, each in its half, in one variable.
#include <cstdio>
#include <thread>
#include <vector>

long positive(const std::vector<float>& x) {
  long hits = 0;
  auto count = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (x[i] > 0) ++hits;
    }
  };
  std::thread front(count, 0, x.size() / 2);
  std::thread back(count, x.size() / 2, x.size());
  front.join(), back.join();
  return hits;
}

// Prints how many of 50 totals are wrong; with an argument, of one.
int main(int arguments, char**) {
  const std::vector<float> x(1 << 20, 1.0f);
  int wrong = 0;
  for (int run = 0; run < (arguments > 1 ? 1 : 50); ++run) {
    wrong += positive(x) != long(x.size());
  }
  std::printf("%d\n", wrong);
}
