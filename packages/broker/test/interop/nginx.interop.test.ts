// The broker and nginx.

import { nginx } from './nginx.ts';
import { describeInterop } from './suite.ts';

describeInterop(nginx);
