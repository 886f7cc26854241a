<?php

declare(strict_types=1);

// One PHP process of the bench. Its argument says where to send, as JSON (see Target); it prints "ready", then for each
// line of standard input (a Job as JSON) does that job and prints what it measured, as one line of JSON.

use HawserBench\Job;
use HawserBench\Target;

require __DIR__ . '/vendor/autoload.php';

$target = Target::of(json_decode($argv[1], true, flags: JSON_THROW_ON_ERROR));
// Standard input is a socket here, and PHP would give one up after 60 seconds of silence: while others have their turns.
stream_set_timeout(STDIN, 86_400);
fwrite(STDOUT, "ready\n");
while (($line = fgets(STDIN)) !== false) {
    fwrite(STDOUT, json_encode(Job::fromJson($line)->run($target), JSON_THROW_ON_ERROR) . "\n");
}
