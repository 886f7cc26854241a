// The broker and HAProxy.

import { haproxy } from './haproxy.ts';
import { describeInterop } from './suite.ts';

describeInterop(haproxy);
