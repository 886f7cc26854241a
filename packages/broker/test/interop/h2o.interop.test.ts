// The broker and h2o.

import { h2o } from './h2o.ts';
import { describeInterop } from './suite.ts';

describeInterop(h2o);
