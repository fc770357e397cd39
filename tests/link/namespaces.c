/* SPDX-License-Identifier: MIT */
/* Modules one after another in namespaces: who sees whose symbols, who needs whom, and when one may go. */
#include <object.h>
#include <stdlib.h>

#include <lode/link.h>

#include "check.h"

enum { TEXT = 1, WORK = 1 << 18, SPAN = 1 << 16, FUNC = 2, R_64 = 1, R_PLT32 = 4 };

struct module {
	struct object object;
	struct lode_link link;
	_Alignas(16) unsigned char work[WORK];
	_Alignas(4096) unsigned char span[SPAN];
};

static struct module a, b, c;
static struct lode_link_symbol *buckets[2][16];
static struct lode_namespace names[2];
static struct lode_diag why;
static uint64_t next_addr;
static struct lode_link_host host;

static void begin(void)
{
	memset(buckets, 0, sizeof buckets);
	for (int i = 0; i < 2; i++)
		names[i] = (struct lode_namespace){.buckets = buckets[i], .nbuckets = 16};
	host = (struct lode_link_host){.host = NULL};
	next_addr = 0x10000000;
}

/* An object that defines one function at 8 and stores the addresses of what it uses. */
static void make(struct module *m, const char *defines, uint8_t other, const char *uses, uint8_t bind)
{
	uint32_t relas;

	object_begin(&m->object, LODE_EM_X86_64);
	object_zeros(&m->object, ".text", OBJECT_AX, 64);
	object_zeros(&m->object, ".data", OBJECT_WA, 16);
	object_symbol(&m->object, defines, OBJECT_INFO(1, FUNC), TEXT, 8);
	m->object.symbols[24 + 5] = other;
	if (uses) {
		object_symbol(&m->object, uses, OBJECT_INFO(bind, 0), 0, 0);
		relas = object_relas(&m->object, 2);
		object_rela(&m->object, relas, 0, OBJECT_RELA(2, R_64), 0);
		object_rela(&m->object, relas, 8, OBJECT_RELA(2, R_64), 0);
	}
	object_end(&m->object);
}

static int link_into(struct module *m, struct lode_namespace *space)
{
	const struct lode_link_options options = {.memory = m->work, .memory_size = WORK, .page_size = 4096, .names = space,
		.host = &host, .machine = LODE_EM_X86_64};
	const struct lode_link_place place = {.addr = next_addr += 0x100000, .view = m->span};
	int status = lode_link_begin(&m->link, &options, &why);

	memset(m->span, 0, sizeof m->span);
	if (status == LODE_OK)
		status = lode_link_add(&m->link, "m.o", m->object.bytes, m->object.size, &why);
	if (status == LODE_OK)
		status = lode_link_resolve(&m->link, &why);
	if (status == LODE_OK)
		status = lode_link_plan(&m->link, &why);
	if (status == LODE_OK)
		status = lode_link_place(&m->link, &place, &why);
	return status;
}

static uint64_t used(const struct module *m)
{
	return object_get(m->span + (m->link.runs[LODE_REGION_DATA].addr - m->link.addr), 8);
}

static void test_publish(void)
{
	begin();
	make(&a, "f", 0, NULL, 0);
	make(&b, "g", 0, "f", 1);
	CHECK_EQ(link_into(&a, &names[0]), LODE_OK);
	CHECK(!lode_namespace_find(&names[0], "f"));
	CHECK_EQ(link_into(&b, &names[0]), LODE_ERR_MALFORMED);
	CHECK_STR(lode_rule_name(why.rule), "link-undefined");
	lode_link_publish(&a.link);
	CHECK(lode_namespace_find(&names[0], "f") == lode_link_find(&a.link, "f"));
	CHECK_EQ(link_into(&b, &names[0]), LODE_OK);
	CHECK_EQ(used(&b), a.link.addr + 8);
}

static void test_needs(void)
{
	test_publish();
	CHECK_EQ(a.link.nusers, 0);
	lode_link_publish(&b.link);
	CHECK_EQ(a.link.nusers, 1);
	CHECK(b.link.needs && b.link.needs->module == &a.link && !b.link.needs->next);
	CHECK_EQ(b.link.needs->strong, 2);
	CHECK_EQ(b.link.needs->weak, 0);
	CHECK_EQ(lode_link_withdraw(&a.link, &why), LODE_ERR_USE);
	CHECK_STR(lode_rule_name(why.rule), "link-in-use");
	CHECK(lode_namespace_find(&names[0], "f") != NULL);
	CHECK_EQ(lode_link_withdraw(&b.link, &why), LODE_OK);
	CHECK_EQ(lode_link_withdraw(&a.link, &why), LODE_OK);
	CHECK(!lode_namespace_find(&names[0], "f") && !lode_namespace_find(&names[0], "g") && !names[0].modules);
}

static void test_weak(void)
{
	begin();
	make(&b, "g", 0, "f", 2);
	CHECK_EQ(link_into(&b, &names[0]), LODE_OK);
	CHECK_EQ(used(&b), 0);
	make(&a, "f", 0, NULL, 0);
	CHECK_EQ(link_into(&a, &names[0]), LODE_OK);
	lode_link_publish(&a.link);
	CHECK_EQ(link_into(&b, &names[0]), LODE_OK);
	CHECK_EQ(used(&b), a.link.addr + 8);
	CHECK_EQ(b.link.needs->weak, 2);
}

static void test_hidden(void)
{
	static const uint8_t others[] = {1, 2};

	for (size_t i = 0; i < sizeof others; i++) {
		begin();
		make(&a, "f", others[i], NULL, 0);
		make(&b, "g", 0, "f", 1);
		CHECK_EQ(link_into(&a, &names[0]), LODE_OK);
		lode_link_publish(&a.link);
		CHECK(!lode_namespace_find(&names[0], "f") && lode_link_find(&a.link, "f"));
		CHECK_EQ(link_into(&b, &names[0]), LODE_ERR_MALFORMED);
	}
	begin();
	make(&a, "f", 3, NULL, 0);
	CHECK_EQ(link_into(&a, &names[0]), LODE_OK);
	lode_link_publish(&a.link);
	CHECK(lode_namespace_find(&names[0], "f") != NULL);
}

/* Two versions side by side: each namespace sees its own first, then its parent's. */
static void test_parents(void)
{
	begin();
	names[1].parent = &names[0];
	make(&a, "f", 0, NULL, 0);
	make(&b, "f", 0, NULL, 0);
	make(&c, "g", 0, "f", 1);
	CHECK_EQ(link_into(&a, &names[0]), LODE_OK);
	lode_link_publish(&a.link);
	CHECK_EQ(link_into(&c, &names[1]), LODE_OK);
	CHECK_EQ(used(&c), a.link.addr + 8);
	CHECK_EQ(link_into(&b, &names[1]), LODE_OK);
	lode_link_publish(&b.link);
	CHECK_EQ(link_into(&c, &names[1]), LODE_OK);
	CHECK_EQ(used(&c), b.link.addr + 8);
	CHECK_EQ(link_into(&c, &names[0]), LODE_OK);
	CHECK_EQ(used(&c), a.link.addr + 8);
}

static void test_interposed(void)
{
	static const struct lode_link_name one = {"f", {0x1234, LODE_STT_FUNC}};

	begin();
	names[0].interposed = &one;
	names[0].ninterposed = 1;
	make(&a, "f", 0, NULL, 0);
	make(&b, "g", 0, "f", 1);
	CHECK_EQ(link_into(&a, &names[0]), LODE_OK);
	lode_link_publish(&a.link);
	CHECK_EQ(link_into(&b, &names[0]), LODE_OK);
	CHECK_EQ(used(&b), 0x1234);
	CHECK(!b.link.needs);
}

static int demand(void *data, struct lode_link *link, const struct lode_link_symbol *symbol)
{
	struct module *m = data;

	if (strcmp(symbol->name, "f") != 0)
		return -1;
	return lode_link_add(link, "demanded.o", m->object.bytes, m->object.size, &why);
}

/* Two objects that need each other, one of them only known to the host. */
static void test_demand(void)
{
	begin();
	make(&a, "f", 0, "g", 1);
	make(&b, "g", 0, "f", 1);
	host = (struct lode_link_host){.host = &a, .demand = demand};
	CHECK_EQ(link_into(&b, &names[0]), LODE_OK);
	CHECK_EQ(b.link.nunits, 2);
	CHECK_EQ(used(&b), lode_link_find(&b.link, "f")->value);
	make(&b, "g", 0, "nobody", 1);
	CHECK_EQ(link_into(&b, &names[0]), LODE_ERR_MALFORMED);
	CHECK_EQ(why.rule, LODE_RULE_LINK_UNDEFINED);
}

int main(void)
{
	CASE(test_publish);
	CASE(test_needs);
	CASE(test_weak);
	CASE(test_hidden);
	CASE(test_parents);
	CASE(test_interposed);
	CASE(test_demand);
	return check_done();
}
