#pragma once
#include "ak_status.h"
