// The broker and Caddy.

import { caddy } from './caddy.ts';
import { describeInterop } from './suite.ts';

describeInterop(caddy);
