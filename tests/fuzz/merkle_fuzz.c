/* A hostile proof: whatever it says, checking it reads only what is there, and a proof that holds holds twice. */
#include "crypto/merkle.h"

#include <string.h>

enum { HEAD = 8 + 8 + 3 * MERKLE_HASH_BYTES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD) {
        return 0;
    }
    struct error err;
    struct merkle_hash hashes[3];
    uint64_t first = get_be64(data);
    uint64_t second = get_be64(data + 8);
    memcpy(hashes, data + 16, sizeof(hashes));
    struct merkle_proof proof;
    if (merkle_proof_decode(slice_of(data + HEAD, size - HEAD), &proof, &err) != ERR_OK) {
        return 0;
    }
    if (merkle_inclusion_verify(&hashes[0], first, second, &proof, &hashes[1], &err) == ERR_OK) {
        CHECK(first < second);
        CHECK(merkle_inclusion_verify(&hashes[2], first, second, &proof, &hashes[1], &err) == ERR_HISTORY ||
              memcmp(&hashes[0], &hashes[2], sizeof(hashes[0])) == 0);
    }
    if (merkle_consistency_verify(first, &hashes[0], second, &hashes[1], &proof, &err) == ERR_OK) {
        CHECK(first <= second);
    }
    return 0;
}
