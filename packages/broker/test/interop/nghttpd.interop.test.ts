// The broker and nghttpd.

import { nghttpd } from './nghttpd.ts';
import { describeInterop } from './suite.ts';

describeInterop(nghttpd);
