/* SPDX-License-Identifier: MIT */
/* counter OBJECT: calls, replaces, calls, takes back; link with -Wl,-q. To become a test. */
#include <lode/live.h>
#include <stdio.h>
int step(void); void show(const char*); extern int (*table[1])(void);
static struct lode_live_program self;
int main(int c,char**v){ struct lode_diag why={0}; char line[500];
 int (*volatile heap)(void)=step;
 step(); step(); show("before");
 if(lode_live_self(&self,&why)!=0){lode_diag_format(line,500,&why);printf("self: %s %d\n",line,self.error);return 1;}
 printf("index: %u symbols %llu sites %llu lost\n",self.index_.nsymbols,(unsigned long long)self.index_.nsites,(unsigned long long)self.index_.nlost);
 if(lode_live_replace(&self,v[1],LODE_SWAP_IDLE,&why)!=0){lode_diag_format(line,500,&why);printf("replace: %.*s %s %d\n",(int)self.blame.symbol.size,self.blame.symbol.at,line,self.error);return 1;}
 printf("kept %u new %u functions %u sites %u doors %u short %u busy %u, %llu ns\n",self.account.nkept,self.account.nnew,self.account.nfunctions,self.account.nsites,self.account.ndoors,self.account.nshort,self.account.nbusy,(unsigned long long)self.stopped_ns);
 step(); table[0](); heap(); show("after");
 if(lode_live_rollback(&self,LODE_SWAP_IDLE,&why)!=0){lode_diag_format(line,500,&why);printf("rollback: %s\n",line);return 1;}
 step(); show("back"); return 0; }
