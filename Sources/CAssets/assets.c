#include "CAssets.h"

/* The compiler's depfile names what #embed reads, so an edit of such a file builds this anew. */
static const unsigned char personal_delegate[] = {
#embed "../../workflows/personal-delegate.yaml"
};

struct aipm_asset aipm_workflow_personal_delegate(void) {
  return (struct aipm_asset){personal_delegate, sizeof personal_delegate};
}
