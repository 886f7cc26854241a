<?php

declare(strict_types=1);

// Begins a large download, says so, and waits to be killed. Argument: URL.

require __DIR__ . '/../../../../php-client/vendor/autoload.php';

$response = (new Hawser\Client())->request('GET', $argv[1], ['stream' => true]);
$response->read(1000);
fwrite(STDOUT, "reading\n");
fgets(STDIN);
