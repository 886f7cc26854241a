<?php

declare(strict_types=1);

// Sends N requests one after the other, each with a client of its own as a PHP-FPM request would have; prints what came.

require __DIR__ . '/../../../../php-client/vendor/autoload.php';

[, $url, $count] = $argv;
$bodies = [];
for ($i = 0; $i < (int) $count; $i++) {
    $bodies[] = (new Hawser\Client())->request('GET', $url)->body();
}
echo json_encode(['count' => count($bodies), 'distinct' => array_values(array_unique($bodies))], JSON_THROW_ON_ERROR);
