/* Stands in for libFuzzer where there is no clang: feeds a fuzz target random inputs, and inputs that
 * differ a little from one another. Takes libFuzzer's options -runs=N, -max_total_time=SECONDS, -seed=N. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_INPUT 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state;

static uint32_t next_random(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static long option(int count, char **arguments, const char *name, long otherwise) {
    size_t length = strlen(name);
    for (int i = 1; i < count; i++) {
        if (strncmp(arguments[i], name, length) == 0) {
            return atol(arguments[i] + length);
        }
    }
    return otherwise;
}

int main(int count, char **arguments) {
    long runs = option(count, arguments, "-runs=", -1);
    long seconds = option(count, arguments, "-max_total_time=", 0);
    long seed = option(count, arguments, "-seed=", 1);
    time_t end = time(NULL) + seconds;
    static uint8_t input[MAX_INPUT];
    size_t size = 0;
    long done = 0;
    state = (uint64_t)seed;
    while ((runs < 0 || done < runs) && (seconds == 0 || time(NULL) < end)) {
        if (next_random() % 4 == 0 || size == 0) {
            size = 1 + next_random() % MAX_INPUT;
            for (size_t i = 0; i < size; i++) {
                input[i] = (uint8_t)next_random();
            }
        } else {
            for (uint32_t i = 1 + next_random() % 4; i > 0; i--) {
                input[next_random() % size] = (uint8_t)next_random();
            }
        }
        LLVMFuzzerTestOneInput(input, size);
        done++;
    }
    fprintf(stderr, "Done %ld runs in %ld second(s)\n", done, seconds);
    return 0;
}
