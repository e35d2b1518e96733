#include "tests/sim/template.h"

void forger_make(struct world *world)
{
    (void)world;
}

void forger_end(struct world *world)
{
    (void)world;
}

void forger_act(struct world *world)
{
    (void)world;
}
