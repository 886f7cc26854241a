// The broker and Apache httpd.

import { apache } from './apache.ts';
import { describeInterop } from './suite.ts';

describeInterop(apache);
